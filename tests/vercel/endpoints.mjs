// Print the paths of all endpoints of Better Auth with the plugins of the app, as JSON. This runs in the app's folder.

import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";

const auth = betterAuth({
  baseURL: "http://localhost:3000",
  secret: "a secret only for this list of endpoints",
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
  logger: { disabled: true },
});
console.log(JSON.stringify(Object.values(auth.api).flatMap(({ path }) => path ?? [])));
