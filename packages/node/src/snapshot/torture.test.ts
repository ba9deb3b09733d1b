/** Kill -9 while a snapshot is being written, again and again: nothing but the last line may be lost. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rng } from "@hearsay/core";
import { afterAll, describe, expect, test } from "vitest";
import { openSnapshot } from "./snapshot.ts";

/** In a process of its own, from what was built. */
const built = fileURLToPath(new URL("../../dist/snapshot/snapshot.js", import.meta.url));
const fileSystem = fileURLToPath(new URL("../../dist/snapshot/file-system.js", import.meta.url));
const ROUNDS = 10;
/** Written anew every dozen steps or so. */
const COMPACT_BYTES = 400;
/** Times of which the events are remembered. */
const WINDOW = 4;

const folder = mkdtempSync(join(tmpdir(), "hearsay-torture-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Step n: a member moves to port n, event n is seen, and the clocks stand at n. The number of each step that has been handed to the system
 * goes to stdout. Asked to, it kills itself before or after a certain one of its calls to the file system.
 */
const child = `
import { openSnapshot } from ${JSON.stringify(built)};
import { realFileSystem } from ${JSON.stringify(fileSystem)};
import { writeSync } from "node:fs";
const [, path, from, killAt] = process.argv;
let moments = 0;
const moment = () => { if (++moments === Number(killAt)) process.kill(process.pid, "SIGKILL"); };
const watched = Object.fromEntries(["open", "rename", "rm", "stat"].map((call) => [call, async (...args) => {
  if (call !== "stat") moment();
  const result = await realFileSystem[call](...args);
  if (call !== "stat") moment();
  return result;
}]));
const options = { rejoinAfterLeave: false, compactAtBytes: ${COMPACT_BYTES}, fileSystem: watched };
const snapshot = await openSnapshot(path, options);
snapshot.onProblem = (error) => { writeSync(1, "PROBLEM " + error.message + "\\n"); };
for (let n = Number(from); ; n++) {
  if (n % 9 === 0) snapshot.notAlive("node " + (n % 7));
  else snapshot.alive("node " + (n % 7), "10.0.0.1", n % 65535 + 1);
  snapshot.seenEvent(n, n.toString(16).padStart(16, "0"));
  snapshot.clocks({ memberTime: n, eventTime: n, queryTime: n, eventsFrom: Math.max(n - ${WINDOW}, 1) });
  await snapshot.flush();
  writeSync(1, n + "\\n");
}
`;

/** Who is alive after step n, from the first. */
function expected(n: number): Map<string, number> {
  const alive = new Map<string, number>();
  for (let i = 1; i <= n; i++) {
    if (i % 9 === 0) alive.delete(`node ${i % 7}`);
    else alive.set(`node ${i % 7}`, (i % 65_535) + 1);
  }
  return alive;
}

async function check(path: string, acknowledged: number): Promise<void> {
  const size = statSync(path).size;
  expect(size).toBeLessThan(COMPACT_BYTES * 3);
  const snapshot = await openSnapshot(path, { rejoinAfterLeave: false });
  const problems: Error[] = [];
  snapshot.onProblem = (error) => problems.push(error);
  expect(problems).toEqual([]);
  const { clocks, members, seenEvents } = snapshot.restored;
  await snapshot.close();
  // What was acknowledged is there; of the step after it, perhaps a part.
  const time = clocks?.memberTime ?? 0;
  expect([acknowledged, acknowledged + 1]).toContain(time);
  // Event by event, without a hole; the last one's line may be there before the clock's.
  const { fromTime, hashes } = seenEvents!;
  const seen = [...hashes.keys()].sort((a, b) => a - b);
  expect(fromTime).toBeGreaterThan(time - WINDOW - 2);
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => fromTime + i));
  expect([acknowledged, acknowledged + 1]).toContain(seen.at(-1));
  const found = new Map(members.map(({ name, port }) => [name, port]));
  const possible = [acknowledged, acknowledged + 1].map((n) => sorted(expected(n)));
  expect(possible).toContainEqual(sorted(found));
}

describe.skipIf(!existsSync(built))("kill -9", () => {
  test("between any two calls of a rewrite", async () => {
    const path = join(folder, "between");
    let last = 0;
    let left = 0;
    // Four calls with a moment before and after each make one rewrite; the second is the one that has something to lose.
    for (let killAt = 9; killAt < 9 + 8; killAt++) {
      last = await run(path, last + 1, { killAt });
      if (existsSync(`${path}.compact`)) left++;
      await check(path, last);
    }
    expect(left).toBeGreaterThan(0);
  });

  test("at any moment", async () => {
    const path = join(folder, "any");
    const rng = new Rng(4);
    let last = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const done = await run(path, last + 1, { steps: 1 + rng.below(150), microseconds: rng.below(2000) });
      expect(done).toBeGreaterThan(last);
      last = done;
      await check(path, last);
    }
  });
});

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

type Death = { readonly killAt: number } | { readonly steps: number; readonly microseconds: number };

/** Resolves to the last step that was acknowledged before the end. */
function run(path: string, from: number, death: Death): Promise<number> {
  const killAt = "killAt" in death ? death.killAt : 0;
  return new Promise((resolve, reject) => {
    const writer = spawn(process.execPath, ["--input-type=module", "-e", child, path, `${from}`, `${killAt}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    let killed = false;
    writer.stdout.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      if (text.includes("PROBLEM")) reject(new Error(text.slice(text.indexOf("PROBLEM"))));
      if (killed || "killAt" in death || !text.includes(`\n${from + death.steps}\n`)) return;
      killed = true;
      const until = performance.now() + death.microseconds / 1000;
      while (performance.now() < until) {
        // A timer is too coarse to hit every place between two system calls.
      }
      writer.kill("SIGKILL");
    });
    writer.on("error", reject);
    writer.on("close", (code, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`ended with ${code ?? signal}: ${text}`));
      const whole = text.slice(0, text.lastIndexOf("\n") + 1).trim();
      resolve(whole === "" ? from - 1 : Number(whole.split("\n").at(-1)));
    });
  });
}
