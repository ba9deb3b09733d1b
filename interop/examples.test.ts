/** The examples run, as a reader would run them, against what is built. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));

/** What shows that an example did what it is about. */
const said: Record<string, RegExp> = {
  "quickstart.mjs": /failed. Why\?\n\s+failed at[^\n]*had no ack[\s\S]*said goodbye: left/,
  "events.mjs": /member-join[\s\S]*member-update[\s\S]*member-leave[\s\S]*member-failed/,
  "raw-pool.mjs": /by gossip: +disk-full, maintenance\nby push\/pull: disk-full, maintenance/,
  "queries.mjs":
    /db-1 heard: deploy v2.1.7\nweb-1 heard[^\n]*\nweb-2 heard[^\n]*\nload: web-1 0.71, web-2 0.34 \(acknowledged by web-1, web-2\)\nall of them, early: db-1 1.20, web-1 0.71\ngiven up: ABORTED/,
  "state.mjs":
    /web-1 knows it: \{ cpu: 0.42, jobs: 3 \}\n[^\n]*\{ enabled: false \}\nvisits: 42n\nload: mean (20\.0|19\.9|20\.1) of 2 members, at most 30\nafter the restart: 42n \{ enabled: false \}/,
  "keys.mjs":
    /installed: new 2\/2; old 2\/2, 2 encrypt with it\nused: new 2\/2, 2 encrypt with it; old 2\/2\nremoved: new 2\/2, 2 encrypt with it\nin the file: new\nstill together: alive\n2\/2 nodes reported failure: removing the primary key is not allowed/,
};

describe.concurrent("examples", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".mjs"))) {
    it(file, { timeout: 90_000 }, async () => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [`${folder}${file}`], { timeout: 80_000 });
      expect(stderr).toBe("");
      expect(said, "a new example says here what it shows").toHaveProperty([file]);
      expect(stdout).toMatch(said[file]!);
    });
  }
});
