/** What the app loads after the first move, key or click. See lib/hooks/use-later.ts. */

export { toCsv } from "@/lib/text/csv";
export { download, toJsonLines } from "@/lib/export";
export { dueText, proposalsFor } from "@/lib/text/proposals";
export { Confirm } from "./confirm";
export { DeleteAccount } from "./delete-account";
export { Help } from "./help";
export { DeleteTag, RenameTag } from "./tag-menu";
export { TodoDetails } from "./todo-details";
