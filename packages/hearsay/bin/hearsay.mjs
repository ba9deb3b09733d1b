#!/usr/bin/env node
import module from "node:module";

// Half of a short command's time is compiling what it loads; newer Node versions can keep that.
module.enableCompileCache?.();

const { main } = await import("@hearsay/agent/cli");

// A reader that has seen enough (`hearsay members | head -1`) is no failure.
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));

process.exitCode = await main(process.argv.slice(2));
