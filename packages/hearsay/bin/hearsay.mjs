#!/usr/bin/env node
import module from "node:module";

// Half of a short command's time is compiling what it loads; newer Node versions can keep that.
module.enableCompileCache?.();

// A reader that has seen enough (`hearsay members | head -1`) is no failure, but an agent that ends for it is one: whoever
// runs it shall start it again.
const maySeeEnough = process.argv[2] !== "agent";
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" && maySeeEnough ? 0 : 1));

try {
  const { main } = await import("@hearsay/agent/cli");
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // A fresh clone, whose packages have no dist yet; an installed package always has one.
  const notBuilt = /^Cannot find module '[^']*[\\/](?:packages|@hearsay)[\\/][a-z]+[\\/]dist[\\/]/;
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || !notBuilt.test(error.message)) throw error;
  process.stderr.write("hearsay is not built yet: run `npm start` or `npm run build` in the repository\n");
  process.exitCode = 1;
}
