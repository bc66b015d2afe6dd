// Print the files that `vercel deploy` uploads from a folder, as JSON. `vercel deploy --dry` prints the same, but only
// for somebody who has an account. So this calls the function of the CLI that it calls.

import { readdirSync, readFileSync } from "node:fs";

const chunks = new URL("node_modules/vercel/dist/chunks/", import.meta.url);
for (const name of readdirSync(chunks)) {
  if (!readFileSync(new URL(name, chunks), "utf8").includes("inspectDeploymentFiles:()=>")) continue;
  for (const load of Object.values(await import(new URL(name, chunks)))) {
    const { inspectDeploymentFiles } = load();
    if (!inspectDeploymentFiles) continue;
    const { files } = await inspectDeploymentFiles({ path: process.argv[2] });
    console.log(JSON.stringify(files.map(({ path }) => path)));
    process.exit();
  }
}
throw new Error("This version of vercel has no function inspectDeploymentFiles.");
