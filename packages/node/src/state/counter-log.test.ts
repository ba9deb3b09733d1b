/** The log of what was counted, on a real disk: one append for a turn, nothing lost, nothing twice. */

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CounterTable } from "@hearsay/state";
import { afterAll, expect, test, vi } from "vitest";
import { CounterLog, type LogKeeper, openCounterLog } from "./counter-log.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-counts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const problems: string[] = [];
const keeper: LogKeeper = { problem: ({ message }) => problems.push(message), requireOurs: () => {} };

async function begin(path = join(folder, `${++files}`)) {
  const table = new CounterTable({ writer: "a", life: files });
  const opened = await openCounterLog(path);
  const log = await CounterLog.begin(opened, table, keeper);
  return { path, table, opened, log, lines: () => readFileSync(path, "utf8").split("\n").slice(0, -1) };
}

/** What somebody who has only the file knows. */
async function restored(path: string): Promise<CounterTable> {
  const { lives, handle } = await openCounterLog(path);
  await handle.close();
  const table = new CounterTable({ writer: "reader", life: 1 });
  for (const life of lives) table.merge(life);
  return table;
}

test("what is counted in one turn goes as one line, and is there when it is answered", async () => {
  const { path, table, log, lines } = await begin();
  const commits = Array.from({ length: 100 }, (_, i) => {
    table.add(i % 2 ? "odd" : "even", 1);
    return log.commit();
  });
  await Promise.all(commits);
  expect(lines()).toHaveLength(1);
  table.add("odd", -7);
  await log.commit();
  expect(lines()).toHaveLength(2);
  const seen = await restored(path);
  expect([seen.value("odd"), seen.value("even")]).toEqual([43n, 50n]);
  log.close();
  expect(lines()).toHaveLength(2);
});

test("closing writes what nobody has waited for; a new life begins with an empty file", async () => {
  const { path, table, log } = await begin();
  table.add("n", 3);
  log.close();
  expect((await restored(path)).value("n")).toBe(3n);
  const next = await begin(path);
  expect([next.opened.lives.length, next.lines()]).toEqual([1, []]);
  next.log.close();
});

test("a log cut anywhere gives what its whole lines say", async () => {
  const { path, table, log } = await begin();
  for (let i = 0; i < 4; i++) {
    table.add("n", 1);
    await log.commit();
  }
  log.close();
  const whole = readFileSync(path);
  const ends = [...whole.keys()].filter((i) => whole[i] === 10);
  for (let length = 0; length <= whole.length; length += 7) {
    const cut = join(folder, "cut");
    writeFileSync(cut, whole.subarray(0, length));
    const { lives, tornBytes, handle } = await openCounterLog(cut);
    await handle.close();
    const complete = ends.filter((end) => end < length);
    expect([lives.length, tornBytes]).toEqual([complete.length, length - (complete.at(-1) ?? -1) - 1]);
  }
});

test("what was counted is written before any other turn of the event loop could tell of it", async () => {
  const { table, log, lines } = await begin();
  const seen: number[] = [];
  setImmediate(() => seen.push(lines().length));
  process.nextTick(() => seen.push(lines().length));
  table.add("n", 1);
  const done = log.commit();
  await new Promise((resolve) => setImmediate(resolve));
  await done;
  // A tick of the same turn may come first; a packet or a timer may not.
  expect(seen.at(-1)).toBe(1);
  log.close();
});

test("when somebody else has written under our life, the new one is written whole", async () => {
  const { path, table, log } = await begin();
  table.add("n", 1);
  await log.commit();
  const former = table.ownId;
  const tallies = [{ counter: "n", plus: 50, minus: 0, version: 9 }];
  table.merge({ id: former, writer: "a", from: 0, to: 9, tallies });
  table.add("n", 1);
  await log.commit();
  log.close();
  expect(table.ownId).not.toBe(former);
  expect((await restored(path)).contribution("a", "n")).toBe(table.contribution("a", "n"));
});

test("a million small lines do not make a large file", async () => {
  const { path, table, log } = await begin();
  for (let i = 0; i < 12_000; i++) {
    table.add("some counter of a longer name", 1);
    await log.commit();
  }
  log.close();
  expect(statSync(path).size).toBeLessThan(1_100_000);
  expect((await restored(path)).value("some counter of a longer name")).toBe(12_000n);
});

test("when the file is taken away it is written anew, whole", async () => {
  const { path, table, log } = await begin();
  table.add("n", 1);
  await log.commit();
  rmSync(path);
  // It is looked for once a second.
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 2000);
  table.add("n", 1);
  await log.commit();
  vi.restoreAllMocks();
  expect((await restored(path)).value("n")).toBe(2n);
  expect(problems.join()).toContain("was removed while in use");
  log.close();
});
