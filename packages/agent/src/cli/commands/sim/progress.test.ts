import { describe, expect, test } from "vitest";
import type { Io } from "../../spec.ts";
import { heapPlan, neededMb, nodesIn } from "./heap.ts";
import { ProgressLine, progressText, spanText } from "./progress.ts";

test("how far, how long still, doing what", () => {
  expect(progressText({ share: 0.25, doing: "1000 nodes" }, 60_000)).toBe(" 25%  about 3 min left  1000 nodes");
  expect(progressText({ share: 0.25, doing: "early" }, 1000)).toBe(" 25%  early");
  expect(progressText({ share: 0.999, doing: "late" }, 60_000)).toBe(" 99%  about 1 s left  late");
  expect(progressText({ share: 1.2, doing: "a\u001b[2J" }, 5000)).toBe("100%  about 1 s left  a\\u001b[2J");
  expect([200, 89_000, 90_000, 5_400_000, 8_000_000].map(spanText)).toEqual([
    "1 s",
    "89 s",
    "2 min",
    "1 h 30 min",
    "2 h 13 min",
  ]);
});

describe("where it is shown", () => {
  const shown = (columns: number | undefined) => {
    const lines: string[] = [];
    let now = 0;
    const io: Io = { out: () => {}, err: (text) => void lines.push(text), env: {}, errColumns: columns };
    const line = new ProgressLine(io, () => now);
    for (; now <= 21_000; now += 50) line.show({ share: now / 40_000, doing: "something" });
    line.clear();
    return lines;
  };

  test("elsewhere than on a terminal: a line every ten seconds", () => {
    expect(shown(undefined)).toEqual([" 25%  about 30 s left  something\n", " 50%  about 20 s left  something\n"]);
  });

  test("on a terminal: one line that changes, fits, and goes in the end", () => {
    const lines = shown(20);
    expect(lines.length).toBeGreaterThan(200);
    for (const line of lines) {
      expect(line.startsWith("\r\u001b[K")).toBe(true);
      expect(line.slice(4)).toMatch(/^.{0,19}$/);
    }
    expect(lines.at(-1)).toBe("\r\u001b[K");
  });
});

test("more heap only where a run may need it and the machine has it", () => {
  // What was measured for 10,000 nodes fits, with room.
  expect(neededMb(10_000)).toBeGreaterThan(2838 * 1.2);
  expect(heapPlan(10_000, 4345, 16_000)).toBeUndefined();
  expect(heapPlan(10_000, 2096, 8000)).toBe(neededMb(10_000));
  expect(heapPlan(10_000, 2096, 4000)).toBe(3200);
  expect(heapPlan(10_000, 2096, 2500)).toBeUndefined();
  expect(heapPlan(1000, 1050, 2000)).toBeUndefined();
  // An experiment may know of more.
  expect(heapPlan(1000, 1050, 2000, 1500)).toBe(1500);
  expect(heapPlan(1000, 1050, 2000, 1000)).toBeUndefined();
});

test("the largest pool in an experiment's settings", () => {
  const setting = (name: string, kind: "integer" | "list" | "number") => ({ name, kind, help: "", default: 1 });
  const settings = [
    setting("nodes", "integer"),
    setting("sizes", "list"),
    setting("seeds", "integer"),
    setting("n", "number"),
  ];
  expect(nodesIn(settings, { nodes: 10, sizes: "100,5000,1000", seeds: 90_000, n: 70_000 })).toBe(5000);
  expect(nodesIn([], {})).toBe(0);
});
