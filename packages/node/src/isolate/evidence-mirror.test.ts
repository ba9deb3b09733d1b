import { expect, test } from "vitest";
import { EvidenceLog } from "../../../core/src/evidence-log.ts";
import type { WallEvidence } from "../api.ts";
import { EvidenceMirror } from "./evidence-mirror.ts";
import { Mirror } from "./mirror.ts";

const entry = (at: number): WallEvidence => ({ type: "joined", from: "x", incarnation: 1, at, time: new Date(at) });

test("as many names as the log keeps, the quietest goes; what changed nothing does not count", () => {
  const mirror = new EvidenceMirror();
  for (let i = 0; i < 4096; i++) mirror.set(`m${i}`, [entry(i)]);
  mirror.set("m0", [entry(0), entry(5000)]);
  mirror.set("m1", [entry(1)]);
  mirror.set("new", [entry(5001)]);
  expect(mirror.size).toBe(4096);
  expect(mirror.about("m0")).toHaveLength(2);
  expect(mirror.about("m1")).toEqual([]);
  expect(mirror.about("m2")).toHaveLength(1);
  mirror.set("m2", []);
  expect(mirror.size).toBe(4095);
});

test("holds what the log holds, whatever the batches were", () => {
  const log = new EvidenceLog();
  const told = new Mirror();
  const mirror = new EvidenceMirror();
  const names = new Set<string>();
  let seed = 7;
  const below = (n: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * n);
  };
  const tell = () => {
    const batch = told.take({
      member: () => undefined,
      evidence: (name) => log.about(name).map((one) => ({ ...one, time: new Date(one.at) })),
      place: () => undefined,
      drops: () => ({}),
    });
    for (const [name, evidence] of batch.evidence) mirror.set(name, evidence);
  };
  for (let i = 0; i < 40_000; i++) {
    const name = `m${below(9000)}`;
    names.add(name);
    log.add(name, entry(i));
    told.change(name);
    if (below(300) === 0) tell();
  }
  tell();
  const held = (source: { about(name: string): readonly unknown[] }) =>
    [...names].filter((name) => source.about(name).length > 0).sort();
  expect(held(mirror)).toHaveLength(4096);
  expect(held(mirror)).toEqual(held(log));
});
