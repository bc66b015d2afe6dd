import { answerDemo } from "@/lib/server/sign-in";

export const POST = (request: Request) => answerDemo(request);
