/** The log of what was counted, when disk and other people are against it: nothing that was called written is missing. */

import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CounterTable } from "@hearsay/state";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { CounterLog, openCounterLog } from "./counter-log.ts";

/** How many bytes the disk still takes. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }));

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  const writeSync = (fd: number, bytes: Buffer, at = 0) => {
    const room = Math.min(disk.left, bytes.length - at);
    if (room === 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    disk.left -= room;
    return real.writeSync(fd, bytes, at, room);
  };
  return { ...real, writeSync };
});

const folder = fs.mkdtempSync(join(tmpdir(), "hearsay-counts-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
/** Of a length that fills files fast. */
const name = "n".repeat(128);
let files = 0;
let problems: string[] = [];
let now = performance.now();

beforeEach(() => {
  problems = [];
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  disk.left = Number.POSITIVE_INFINITY;
  vi.restoreAllMocks();
});

async function begin() {
  const path = join(folder, `${++files}`);
  const table = new CounterTable({ writer: "a", life: files });
  const log = await CounterLog.begin(await openCounterLog(path), table, {
    problem: ({ message }) => problems.push(message),
    requireOurs: () => {},
  });
  const add = (amount = 1) => {
    table.add(name, amount);
    return log.commit();
  };
  return { path, log, add };
}

/** What somebody who has only the file knows. */
async function restored(path: string): Promise<bigint> {
  const { lives, handle } = await openCounterLog(path);
  await handle.close();
  const table = new CounterTable({ writer: "reader", life: 1 });
  for (const life of lives) expect(["news", "known"]).toContain(table.merge(life));
  return table.value(name);
}

/** Something stands where the new file is made. */
function block(path: string): () => void {
  fs.mkdirSync(`${path}.new/x`, { recursive: true });
  return () => fs.rmSync(`${path}.new`, { recursive: true });
}

const openFiles = () => fs.readdirSync("/proc/self/fd").length;

test("a line for which the disk has no room leaves nothing behind, and goes with the next", async () => {
  const { path, log, add } = await begin();
  await add();
  const before = fs.readFileSync(path);
  disk.left = 20;
  await expect(add()).rejects.toMatchObject({ code: "ENOSPC" });
  expect(fs.readFileSync(path)).toEqual(before);
  await expect(add()).rejects.toMatchObject({ code: "ENOSPC" });
  expect(problems).toEqual([expect.stringContaining("the disk is full")]);
  disk.left = Number.POSITIVE_INFINITY;
  await add();
  expect(await restored(path)).toBe(4n);
  log.close();
});

test("a full disk while the log is written anew: what was written stays, and so does the file", async () => {
  const { path, log, add } = await begin();
  await add();
  fs.truncateSync(path, 5);
  now += 2000;
  disk.left = 20;
  await expect(add()).rejects.toMatchObject({ code: "ENOSPC" });
  // Not before the file is whole again is anything called written.
  await expect(add()).rejects.toMatchObject({ code: "ENOSPC" });
  expect(fs.existsSync(`${path}.new`)).toBe(false);
  disk.left = Number.POSITIVE_INFINITY;
  await add();
  expect(await restored(path)).toBe(4n);
  await add();
  expect(await restored(path)).toBe(5n);
  expect(problems).toHaveLength(2);
  log.close();
});

test("where it cannot be made anew after it was removed, nothing is called written, and nothing stays open", async () => {
  const { path, log, add } = await begin();
  await add();
  const unblock = block(path);
  fs.rmSync(path);
  now += 2000;
  const open = openFiles();
  for (let i = 0; i < 5; i++) await expect(add()).rejects.toThrow();
  expect(openFiles()).toBe(open);
  expect(fs.existsSync(path)).toBe(false);
  unblock();
  await add();
  expect([await restored(path), openFiles()]).toEqual([7n, open]);
  log.close();
  expect(openFiles()).toBe(open - 1);
});

test("where it cannot be written anew for its size, it grows, is told of, and is made small later", async () => {
  const { path, log, add } = await begin();
  const unblock = block(path);
  while (fs.statSync(path).size < 1024 * 1024 + 1000) await add();
  expect(problems).toEqual([expect.stringContaining("grows, since it cannot be written anew")]);
  const counted = await restored(path);
  unblock();
  while (fs.statSync(path).size > 1000) await add();
  expect((await restored(path)) > counted).toBe(true);
  const size = fs.statSync(path).size;
  await add();
  expect(fs.statSync(path).size).toBeGreaterThan(size);
  log.close();
});

test("moved away or replaced, it is begun anew under its name; the other file is left as it is", async () => {
  const { path, log, add } = await begin();
  await add();
  fs.renameSync(path, `${path}.old`);
  now += 2000;
  await add();
  expect([await restored(path), await restored(`${path}.old`)]).toEqual([2n, 1n]);
  fs.writeFileSync(`${path}.other`, "another's\n");
  fs.renameSync(`${path}.other`, path);
  now += 2000;
  await add();
  expect(await restored(path)).toBe(3n);
  expect(problems).toEqual([expect.stringContaining("was removed"), expect.stringContaining("was replaced")]);
  log.close();
});

test("a link laid where the new file is made is not followed", async () => {
  const { path, log, add } = await begin();
  const victim = join(folder, "victim");
  fs.writeFileSync(victim, "precious");
  fs.symlinkSync(victim, `${path}.new`);
  fs.rmSync(path);
  now += 2000;
  await add();
  expect([fs.readFileSync(victim, "utf8"), await restored(path)]).toEqual(["precious", 1n]);
  log.close();
});
