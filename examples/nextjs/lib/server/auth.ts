/** Use Better Auth on the server. */

import { betterAuth } from "better-auth";

import { options } from "./auth-options";

export const auth = betterAuth(options);
