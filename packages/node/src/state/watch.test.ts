/** Readers of changes: prefixes, what was there, what was lost, and that nothing is left of those who stop reading. */

import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { WATCH_BUFFER_BYTES, Watches } from "./watch.ts";

interface Kept {
  readonly key: string;
  readonly n: number;
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
}

const watches = () => {
  let made = 0;
  const all = new Watches<Kept, { name: string }>(({ key, n }) => {
    made++;
    return { name: `${key}=${n}` };
  });
  return { all, made: () => made };
};

async function names(changes: AsyncIterable<{ name: string; dropped: number }>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { name, dropped } of changes) {
    seen.push(dropped > 0 ? `${name} after ${dropped}` : name);
    if (seen.length === count) break;
  }
  return seen;
}

test("each reader gets those of its prefix, first what was there", async () => {
  const { all } = watches();
  const one = all.open(
    "a",
    [
      { key: "a0", n: 0 },
      { key: "a1", n: 1 },
    ],
    undefined,
  );
  const other = all.open("", [], undefined);
  const waiting = names(other, 2);
  all.push({ key: "a2", n: 2 });
  all.push({ key: "b", n: 3 });
  expect(await names(one, 3)).toEqual(["a0=0", "a1=1", "a2=2"]);
  expect(await waiting).toEqual(["a2=2", "b=3"]);
  expect(all.size).toBe(0);
});

test("a slow reader loses the oldest and is told; nothing is made for it meanwhile", async () => {
  const { all, made } = watches();
  const slow = all.open("", [{ key: "first", n: 0 }], undefined);
  for (let n = 0; n < 1030; n++) all.push({ key: "k", n });
  expect(made()).toBe(0);
  all.skip(3);
  expect(await names(slow, 3)).toEqual(["first=0", "k=6 after 9", "k=7"]);
});

test("large values: as many wait as have room, and the newest always", async () => {
  const { all } = watches();
  const slow = all.open("", [], undefined);
  const value = new Uint8Array(WATCH_BUFFER_BYTES / 4);
  for (let n = 0; n < 6; n++) all.push({ key: "k", n, after: value });
  all.push({ key: "k", n: 6, before: value });
  expect(await names(slow, 4)).toEqual(["k=3 after 3", "k=4", "k=5", "k=6"]);
  const next = all.open("", [], undefined);
  all.push({ key: "k", n: 7 });
  all.push({ key: "k", n: 8, after: new Uint8Array(2 * WATCH_BUFFER_BYTES) });
  for (let n = 9; n < 12; n++) all.push({ key: "k", n });
  expect(await names(next, 3)).toEqual(["k=9 after 2", "k=10", "k=11"]);
  const one = all.open("", [], undefined);
  all.push({ key: "k", n: 12, after: new Uint8Array(2 * WATCH_BUFFER_BYTES) });
  expect(await names(one, 1)).toEqual(["k=12"]);
  // What was read has room again.
  const reader = all.open("", [], undefined)[Symbol.asyncIterator]();
  for (let n = 0; n < 12; n++) {
    all.push({ key: "k", n, after: value });
    expect((await reader.next()).value).toEqual({ name: `k=${n}`, dropped: 0 });
  }
});

test("it ends with the signal, with the node, or when the reader stops", async () => {
  const { all } = watches();
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = names(all.open("", [{ key: "x", n: 1 }], signal), 9);
  const broken = names(all.open("", [{ key: "y", n: 1 }], signal), 1);
  expect(await broken).toEqual(["y=1"]);
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  controller.abort();
  expect(await aborted).toEqual(["x=1"]);
  expect([all.size, getEventListeners(signal, "abort").length]).toEqual([0, 0]);
  // Aborted before: nothing of what was there, either.
  expect(await names(all.open("", [{ key: "z", n: 1 }], signal), 9)).toEqual([]);
  const last = names(all.open("", [], undefined), 9);
  all.end();
  expect([await last, await names(all.open("", [], undefined), 9), all.size]).toEqual([[], [], 0]);
});
