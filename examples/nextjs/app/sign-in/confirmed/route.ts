import { answerConfirmation } from "@/lib/server/sign-in";

export const GET = (request: Request) => answerConfirmation(request);
