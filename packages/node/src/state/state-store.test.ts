/** What is kept over a restart, against machines without a network: restored before the start, saved when there is news. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@hearsay/core";
import { CounterTable, ReplicatedState } from "@hearsay/state";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { readStateFile, writeStateFile } from "./state-file.ts";
import type { StateSettings } from "./state-options.ts";
import { StateStore, type StoredMachine } from "./state-store.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());
let files = 0;
const freshPath = () => join(folder, `${++files}`);
let lives = 1;
const value = Uint8Array.of(1);

/** The parts of a machine that a store sees. */
function machine() {
  const state = new ReplicatedState({ name: "a", generation: ++lives, rng: new Rng(1) });
  const counters = new CounterTable({ writer: "a", life: lives });
  const made: StoredMachine = {
    state,
    counters,
    restoreShared: (bytes, now) => state.restoreShared(bytes, now),
    setWallClock: (wallMs, now) => state.setWallClock(wallMs, now),
  };
  return { ...made, state, counters };
}

async function begin(path: string, saveIntervalMs = 3_600_000, lines: string[] = []) {
  const settings: StateSettings = { config: {}, phi: {}, detector: "swim", file: path, saveIntervalMs };
  const log = (_: object, line: string) => void lines.push(line);
  const store = (await StateStore.open(settings, { trace: log, debug: log, info: log, warn: log, error: log }))!;
  const made = machine();
  await store.begin(made, 0);
  return { store, ...made };
}

test("what was shared and counted comes back, and the number of the life with it", async () => {
  const path = freshPath();
  const first = await begin(path);
  expect(first.store.lastGeneration).toBe(0);
  first.state.setShared("k", value, 5);
  first.counters.add("n", 2);
  await first.store.counted();
  await first.store.close();
  const second = await begin(path);
  expect([second.state.getShared("k")?.writer, second.counters.value("n")]).toEqual(["a", 2n]);
  expect(second.store.lastGeneration).toBe(first.state.inspect().generation);
  await second.store.close();
});

test("a clock that stands before what was saved takes nothing away", async () => {
  const path = freshPath();
  const first = await begin(path);
  first.state.setShared("k", value, 5);
  await first.store.close();
  vi.spyOn(Date, "now").mockReturnValue(0);
  for (let life = 0; life < 2; life++) {
    const second = await begin(path);
    second.state.setWallClock(0, 1);
    expect(second.state.getShared("k")?.value).toEqual(value);
    await second.store.close();
  }
  vi.restoreAllMocks();
  const third = await begin(path);
  expect(third.state.getShared("k")?.value).toEqual(value);
  await third.store.close();
});

test("without news nothing is written; a failure is told and made good later", async () => {
  const path = freshPath();
  const lines: string[] = [];
  const { store, state, counters } = await begin(path, 100, lines);
  const { ino } = statSync(path);
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(statSync(path).ino).toBe(ino);
  counters.add("n", 1);
  await expect.poll(() => statSync(path).ino).not.toBe(ino);
  // Taken away, it comes back without news.
  rmSync(path);
  await expect.poll(() => existsSync(path)).toBe(true);
  // Something stands where the new file is made.
  mkdirSync(`${path}.new/x`, { recursive: true });
  state.setShared("k", value, 5);
  await expect(store.save()).rejects.toMatchObject({ code: "STATE_FILE", option: "stateFile" });
  await expect.poll(() => lines.join("\n")).toContain("cannot be written");
  expect((await readStateFile(path))!.shared.length).toBeLessThan(state.saveShared().length);
  rmSync(`${path}.new`, { recursive: true });
  await expect.poll(async () => (await readStateFile(path))!.shared).toEqual(state.saveShared());
  await store.close();
});

test("saves asked for at once become one, and one that is asked for meanwhile comes after", async () => {
  const { store, state } = await begin(freshPath());
  const saves = [store.save(), store.save()];
  expect(saves[0]).toBe(saves[1]);
  await Promise.resolve();
  state.setShared("late", value, 6);
  await store.save();
  expect((await readStateFile(join(folder, `${files}`)))!.shared).toEqual(state.saveShared());
  await Promise.all([...saves, store.close()]);
});

test("a file cut or changed anywhere is refused; an empty one is none", async () => {
  const path = freshPath();
  const life = {
    id: "0123456789abcdef",
    writer: "a",
    from: 0,
    to: 1,
    tallies: [{ counter: "n", plus: 1, minus: 0, version: 1 }],
  };
  await writeStateFile(path, { generation: 1, savedMs: 2, shared: Uint8Array.of(1, 10, 3), lives: [life] });
  expect(await readStateFile(path)).toEqual({
    generation: 1,
    savedMs: 2,
    shared: Uint8Array.of(1, 10, 3),
    lives: [life],
  });
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 3) {
    writeFileSync(path, whole.subarray(0, length));
    if (length === 0) expect(await readStateFile(path)).toBeUndefined();
    else await expect(readStateFile(path), `${length} bytes`).rejects.toMatchObject({ code: "STATE_FILE" });
  }
  // A number that no life has, as the header has no checksum.
  writeFileSync(path, whole.toString("latin1").replace('"generation":1', `"generation":${2 ** 52}`), "latin1");
  await expect(readStateFile(path)).rejects.toMatchObject({ code: "STATE_FILE" });
  const body = whole.indexOf(10) + 1;
  for (let i = body; i < whole.length; i++) {
    const changed = Buffer.from(whole);
    changed[i]! ^= 4;
    writeFileSync(path, changed);
    await expect(readStateFile(path), `byte ${i}`).rejects.toMatchObject({ code: "STATE_FILE" });
  }
  writeFileSync(path, whole.toString("latin1").replace('"version":1', '"version":2'), "latin1");
  await expect(readStateFile(path)).rejects.toThrow("later release (format 2)");
});

test("what the log has no room for at the end goes to the state file", async () => {
  const path = freshPath();
  const lines: string[] = [];
  const { store, counters } = await begin(path, 3_600_000, lines);
  counters.add("n", 1);
  await store.counted();
  // It was taken away, and something stands where a new one is made.
  mkdirSync(`${path}.log.new/x`, { recursive: true });
  rmSync(`${path}.log`);
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 2000);
  counters.add("n", 2);
  await store.close();
  expect((await readStateFile(path))!.lives.map(({ to }) => to)).toEqual([2]);
  expect(lines.join("\n")).toContain("was not brought to the disk");
});

test("a relative path means the same file when the process has gone to another folder", async () => {
  const home = process.cwd();
  const name = `relative-${++files}`;
  try {
    process.chdir(folder);
    const { store, counters } = await begin(name);
    process.chdir(home);
    counters.add("n", 1);
    await store.close();
    expect((await readStateFile(join(folder, name)))!.lives).toHaveLength(1);
  } finally {
    process.chdir(home);
    rmSync(name, { force: true });
  }
});

test("of two that are given the same file it is the later's, and the earlier says so", async () => {
  const path = freshPath();
  const lines: string[] = [];
  const first = await begin(path, 3_600_000, lines);
  first.counters.add("n", 1);
  await first.store.counted();
  const second = await begin(path);
  expect(second.counters.value("n")).toBe(1n);
  second.counters.add("n", 10);
  await second.store.counted();
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 2000);
  first.counters.add("n", 100);
  const refused = {
    code: "STATE_FILE",
    message: expect.stringContaining("a node that started later has taken it over"),
  };
  await expect(first.store.counted()).rejects.toMatchObject(refused);
  await expect(first.store.save()).rejects.toMatchObject(refused);
  await first.store.close();
  expect(lines.join("\n")).toContain("has taken it over");
  second.counters.add("n", 10);
  await second.store.counted();
  // Killed: only the files are left.
  const third = await begin(path);
  expect(third.counters.value("n")).toBe(21n);
  await Promise.all([second.store.close(), third.store.close()]);
});
