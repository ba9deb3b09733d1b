// @ts-check
/**
 * `npm start`: five real agents on this machine, one of which dies again and again, and what the others make of it.
 *
 *   npm start                live view, until Ctrl-C (lines instead of the view where there is no terminal)
 *   npm start -- --once      one round of the story; exit code 0 when it went as it should
 *   npm start -- --lines     lines, also in a terminal
 */
import { parseArgs } from "node:util";
import { runMain, SetupError } from "./bootstrap.mjs";
import { build } from "./build.mjs";

async function main() {
  const { once, lines } = readOptions();
  await build();
  // What follows uses the built packages.
  const { Cluster } = await import("./demo/cluster.mjs");
  const { tell, StoryError } = await import("./demo/story.mjs");
  const live = !lines && process.stdout.isTTY && process.env.TERM !== "dumb";
  const { View } = live ? await import("./demo/screen.mjs") : await import("./demo/lines.mjs");

  const ending = new AbortController();
  const cluster = new Cluster(["alice", "bob", "carol", "dave", "erin"]);
  const view = new View(cluster);
  // However this ends, the terminal is as it was and no agent is left.
  const cleanUp = () => {
    view.close();
    cluster.killAll();
  };
  process.on("exit", cleanUp);
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => (ending.signal.aborted ? process.exit(1) : ending.abort(signal)));
  }
  process.stdout.on("error", () => process.exit(1)); // the reader is gone
  process.on("uncaughtException", (error) => {
    cleanUp();
    console.error(error);
    process.exit(1);
  });

  try {
    await tell({ cluster, view, once, signal: ending.signal });
    view.end();
    return 0;
  } catch (error) {
    if (ending.signal.aborted) {
      view.end();
      return once ? 130 : 0;
    }
    view.end();
    if (!(error instanceof StoryError)) throw error;
    console.error(`hearsay: the story went wrong: ${error.message}`);
    return 1;
  } finally {
    await cluster.close();
  }
}

function readOptions() {
  try {
    const options = /** @type {const} */ ({ once: { type: "boolean" }, lines: { type: "boolean" } });
    const { values } = parseArgs({ options });
    return { once: values.once ?? false, lines: values.lines ?? false };
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : error} Options: --once, --lines.`);
  }
}

await runMain(main);
