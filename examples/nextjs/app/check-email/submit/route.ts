import { answerForm } from "@/lib/server/sign-in";

export const POST = (request: Request) => answerForm(request, "/check-email");
