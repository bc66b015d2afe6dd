import { openGitHub, refuseGitHub } from "@/lib/server/sign-in";

export const POST = (request: Request) => openGitHub(request);
export const GET = (request: Request) => refuseGitHub(request);
