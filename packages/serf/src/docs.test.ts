/** docs/serf.md explains every word under which this layer counts what it refuses. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../../docs/serf.md", import.meta.url), "utf8");
const source = readFileSync(new URL("./types.ts", import.meta.url), "utf8");

test("drop reasons", () => {
  const body = /export type SerfDropReason =(.*?);/s.exec(source)![1]!;
  const reasons = [...body.matchAll(/"(serf-[\w-]+)"/g)].map(([, reason]) => reason!);
  expect(reasons.length).toBeGreaterThan(12);
  const rows = [...page.matchAll(/^\| `(serf-[\w-]+)` \|/gm)].map(([, reason]) => reason!);
  expect([...rows].sort()).toEqual([...reasons].sort());
});
