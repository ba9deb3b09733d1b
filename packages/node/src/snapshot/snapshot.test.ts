import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { NodeError } from "../errors.ts";
import { realFileSystem } from "./file-system.ts";
import { openSnapshot, type SnapshotOptions } from "./snapshot.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-snapshot-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newPath = () => join(folder, `snapshot-${count++}`);
const read = (path: string) => readFileSync(path, "utf8");

async function open(path: string, options: Partial<SnapshotOptions> = {}) {
  const snapshot = await openSnapshot(path, { rejoinAfterLeave: false, ...options });
  const problems: string[] = [];
  snapshot.onProblem = (error) => problems.push((error as NodeError).message);
  return { snapshot, problems };
}

const times = (memberTime: number, eventTime = 0, queryTime = 0) => ({ memberTime, eventTime, queryTime });

describe("writing", () => {
  test("lines in Serf's form, in order, and only for what has changed", async () => {
    const path = newPath();
    const { snapshot, problems } = await open(path);
    expect(snapshot.restored).toEqual({ clocks: undefined, members: [] });
    snapshot.alive("a b", "10.0.0.1", 7946);
    snapshot.alive("a b", "10.0.0.1", 7946);
    snapshot.alive("six", "2001:db8::1", 7946);
    snapshot.notAlive("six");
    snapshot.notAlive("six");
    snapshot.notAlive("unknown");
    snapshot.alive("a b", "10.0.0.2", 7946);
    snapshot.clocks(times(1, 1));
    snapshot.clocks(times(3, 1));
    snapshot.clocks(times(2, 0, 4));
    await snapshot.flush();
    expect(read(path)).toBe(
      "alive: a b 10.0.0.1:7946\nalive: six [2001:db8::1]:7946\nnot-alive: six\nalive: a b 10.0.0.2:7946\n" +
        "clock: 3\nevent-clock: 1\nquery-clock: 4\n",
    );
    await snapshot.close();
    await snapshot.close();
    snapshot.alive("late", "10.0.0.1", 1);
    snapshot.clocks(times(99));
    expect(problems).toEqual([]);
    const again = await open(path);
    expect(again.snapshot.restored).toEqual({
      clocks: times(3, 1, 4),
      members: [{ name: "a b", address: "10.0.0.2", port: 7946 }],
    });
    expect(statSync(path).mode & 0o133).toBe(0);
    // What the file has already is not written again.
    again.snapshot.alive("a b", "10.0.0.2", 7946);
    again.snapshot.clocks(times(3, 1, 4));
    await again.snapshot.close();
    expect(read(path).match(/\n/g)).toHaveLength(7);
  });

  test("nobody flushes: members are written at once, clocks within half a second", async () => {
    const path = newPath();
    const { snapshot } = await open(path);
    snapshot.clocks(times(7));
    snapshot.alive("a", "10.0.0.1", 1);
    await expect.poll(() => read(path), { interval: 5, timeout: 400 }).toBe("alive: a 10.0.0.1:1\n");
    await expect.poll(() => read(path), { interval: 20, timeout: 2000 }).toBe("alive: a 10.0.0.1:1\nclock: 7\n");
    await snapshot.close();
  });

  test("a goodbye: members are forgotten, then only clocks", async () => {
    const path = newPath();
    const { snapshot } = await open(path);
    snapshot.alive("a", "10.0.0.1", 1);
    snapshot.clocks(times(5, 6, 7));
    await snapshot.leave();
    await snapshot.leave();
    expect(read(path)).toBe("alive: a 10.0.0.1:1\nclock: 5\nevent-clock: 6\nquery-clock: 7\nleave\n");
    snapshot.alive("b", "10.0.0.2", 1);
    snapshot.notAlive("a");
    snapshot.clocks(times(8, 6, 7));
    await snapshot.close();
    expect(read(path)).toMatch(/leave\nclock: 8\n$/);
    const plain = await open(path);
    expect(plain.snapshot.restored).toEqual({ clocks: times(8), members: [] });
    await plain.snapshot.close();
    const again = await open(path, { rejoinAfterLeave: true });
    expect(again.snapshot.restored.members).toHaveLength(1);
    expect(again.snapshot.restored.clocks).toEqual(times(8, 6, 7));
    await again.snapshot.close();
  });

  test("a name cannot forge lines", async () => {
    const path = newPath();
    const { snapshot, problems } = await open(path);
    snapshot.alive("x\nclock: 99", "10.0.0.1", 1);
    snapshot.alive("y\n", "10.0.0.1", 1);
    snapshot.alive("z", "", 1);
    snapshot.alive("n".repeat(1100), "10.0.0.1", 1);
    snapshot.alive("good", "10.0.0.1", 1);
    snapshot.notAlive("x\nclock: 99");
    await snapshot.close();
    expect(read(path)).toBe("alive: good 10.0.0.1:1\n");
    expect(problems).toEqual([
      `snapshotPath: "${path}" does not remember "x\\nclock: 99" at "10.0.0.1": that cannot be written in one line`,
    ]);
  });

  test("what was broken off is cut away, and the next line is a line", async () => {
    const path = newPath();
    writeFileSync(path, "alive: a 10.0.0.1:1\nclock: 12345\nclock: 12");
    writeFileSync(`${path}.compact`, "rubbish");
    const { snapshot } = await open(path);
    expect(snapshot.restored.clocks).toEqual(times(12_345));
    snapshot.alive("b", "10.0.0.2", 1);
    await snapshot.close();
    expect(read(path)).toBe("alive: a 10.0.0.1:1\nclock: 12345\nalive: b 10.0.0.2:1\n");
  });

  test("written anew at the threshold: same state, same permissions, nothing beside it, links kept", async () => {
    const path = newPath();
    const link = `${path}-link`;
    writeFileSync(path, "", { mode: 0o640 });
    chmodSync(path, 0o640);
    symlinkSync(path, link);
    writeFileSync(`${path}.compact`, "rubbish");
    const { snapshot, problems } = await open(link, { compactAtBytes: 2000 });
    for (let i = 0; i < 300; i++) {
      snapshot.alive(`n${i % 7}`, "10.0.0.1", 1 + i);
      if (i % 10 === 0) await snapshot.flush();
    }
    await snapshot.close();
    expect(statSync(path).size).toBeLessThan(2500);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(existsSync(`${path}.compact`)).toBe(false);
    expect(problems).toEqual([]);
    const again = await open(path);
    expect(again.snapshot.restored.members.map(({ port }) => port).sort((a, b) => a - b)).toEqual([
      294, 295, 296, 297, 298, 299, 300,
    ]);
    await again.snapshot.close();
  });
});

describe("files that cannot be had", () => {
  test.each([
    ["a folder", () => folder, "is a folder; give the path of a file in it"],
    ["no folder", () => join(folder, "none/x"), "cannot be made: its folder does not exist; make that first"],
    ["a device", () => "/dev/null", "is no regular file"],
    ["no snapshot", () => written("[Unit]\nDescription=x\n"), "is no snapshot, and would be overwritten"],
    ["too large", () => sparse(), "is larger than 64 MiB"],
  ])("%s", async (_, make, problem) => {
    const path = make();
    const before = readdirSync(folder);
    const error = await openSnapshot(path, { rejoinAfterLeave: false }).catch((reason: NodeError) => reason);
    expect(error).toMatchObject({ code: "SNAPSHOT", option: "snapshotPath" });
    expect((error as NodeError).message).toContain(`snapshotPath: ${JSON.stringify(path)} ${problem}`);
    expect((error as NodeError).message).not.toContain("\n");
    expect(readdirSync(folder)).toEqual(before);
  });

  function written(text: string): string {
    const path = newPath();
    writeFileSync(path, text);
    return path;
  }

  function sparse(): string {
    const path = newPath();
    writeFileSync(path, "clock: 1\n");
    truncateSync(path, 65 * 1024 * 1024);
    return path;
  }

  test("lines passed over are told to whoever listens, also afterwards", async () => {
    const { snapshot, problems } = await open(written("clock: 1\nbogus line\nmore\n"));
    expect(problems).toEqual([
      expect.stringContaining('has 2 lines that are no records, passed over; line 2: "bogus line"'),
    ]);
    await snapshot.close();
  });
});

describe("troubles while it runs", () => {
  test("a full disk: told, state kept, written anew when there is room; a try at most every 30 s", async () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(1000);
    let full = false;
    let tries = 0;
    const noSpace = () => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    const path = newPath();
    const { snapshot, problems } = await open(path, {
      fileSystem: {
        ...realFileSystem,
        open: (...args) => {
          if (!full || args[1] === "r") return realFileSystem.open(...args);
          tries++;
          return Promise.reject(noSpace());
        },
        stat: (at) => (full ? Promise.reject(noSpace()) : realFileSystem.stat(at)),
      },
    });
    snapshot.alive("a", "10.0.0.1", 1);
    await snapshot.flush();
    full = true;
    snapshot.alive("b", "10.0.0.2", 1);
    await expect.poll(() => tries, { interval: 5 }).toBe(1);
    for (let i = 0; i < 50; i++) {
      snapshot.alive(`c${i}`, "10.0.0.3", 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(tries).toBe(1);
    await expect(snapshot.leave()).rejects.toMatchObject({ code: "SNAPSHOT" });
    expect(tries).toBe(2);
    expect(problems[0]).toContain("cannot be written (ENOSPC); it is written anew when that is possible");
    expect(problems[1]).toContain(`cannot be written anew (ENOSPC); ${path}.compact must be writable`);
    full = false;
    now.mockReturnValue(40_000);
    snapshot.clocks(times(4));
    await snapshot.close();
    now.mockRestore();
    expect(read(path)).toBe("leave\nclock: 4\nevent-clock: 0\nquery-clock: 0\n");
  });

  test("a folder that cannot be written: the old file goes on growing", async () => {
    const path = newPath();
    let tries = 0;
    const { snapshot, problems } = await open(path, {
      compactAtBytes: 200,
      fileSystem: {
        ...realFileSystem,
        rename: () => {
          tries++;
          return Promise.reject(Object.assign(new Error("EACCES"), { code: "EACCES" }));
        },
      },
    });
    for (let i = 1; i <= 60; i++) {
      snapshot.alive("a", "10.0.0.1", i);
      await snapshot.flush();
    }
    await snapshot.close();
    expect(tries).toBe(1);
    expect(problems).toHaveLength(1);
    expect(read(path).match(/\n/g)).toHaveLength(60);
    expect(existsSync(`${path}.compact`)).toBe(false);
  });

  test("a disk that hangs: bounded memory, and the end comes all the same", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const path = newPath();
    let hang: (() => void) | undefined;
    const { snapshot, problems } = await open(path, {
      fileSystem: {
        ...realFileSystem,
        stat: () => new Promise((_, reject) => (hang = () => reject(new Error("stale")))),
      },
    });
    snapshot.alive("first", "10.0.0.1", 1);
    await vi.waitFor(() => expect(hang).toBeDefined());
    const long = "n".repeat(240);
    for (let i = 0; i < 40_000; i++) snapshot.alive(`${long}${i % 50}`, "10.0.0.1", 1 + i);
    expect(problems).toEqual([expect.stringContaining("the disk does not keep up; it is written anew")]);
    const closing = snapshot.close();
    const closed = expect(closing).rejects.toMatchObject({
      code: "SNAPSHOT",
      message: expect.stringContaining("5000 ms"),
    });
    await vi.advanceTimersByTimeAsync(5000);
    await closed;
    vi.useRealTimers();
    // The disk comes back: what it was to do is done, and nothing stays open.
    hang!();
    await expect.poll(() => read(path)).toContain("n49 10.0.0.1:");
  });

  test("another writer is noticed, a lost file is made again", async () => {
    const path = newPath();
    const one = await open(path);
    one.snapshot.alive("a", "10.0.0.1", 1);
    await one.snapshot.flush();
    const two = await open(path);
    two.snapshot.alive("b", "10.0.0.2", 1);
    await two.snapshot.flush();
    one.snapshot.alive("c", "10.0.0.3", 1);
    await one.snapshot.flush();
    expect(one.problems).toEqual([expect.stringContaining("give every node a file of its own")]);
    await two.snapshot.close();
    rmSync(path);
    one.snapshot.alive("d", "10.0.0.4", 1);
    await one.snapshot.flush();
    expect(one.problems[1]).toContain("was removed while in use");
    expect(read(path)).toMatch(/^alive: a .*\nalive: c .*\nalive: d .*\n/);
    rmSync(path);
    mkdirSync(path);
    one.snapshot.alive("e", "10.0.0.5", 1);
    await expect(one.snapshot.close()).rejects.toMatchObject({ code: "SNAPSHOT" });
  });
});
