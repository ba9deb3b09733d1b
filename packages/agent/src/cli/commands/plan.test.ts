/** `hearsay plan`: what people type and what they read. */
import { lanConfig } from "@hearsay/core";
import { describe, expect, test } from "vitest";
import { main } from "../main.ts";
import { PLAN_SETTINGS, PLAN_SPEC } from "./plan-spec.ts";
import { value } from "./plan-text.ts";

function cli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  return watched(argv);
}

/** @param onProgress called with each line about how far it is, as on a terminal */
async function watched(argv: readonly string[], onProgress?: (text: string) => void) {
  const run = { code: -1, out: "", err: "" };
  run.code = await main(["plan", ...argv], {
    out: (text) => {
      run.out += text;
    },
    err: (text) => {
      run.err += text;
      onProgress?.(text);
    },
    env: {},
    ...(onProgress ? { columns: 120 } : {}),
  });
  return run;
}

test("a plan for people", async () => {
  const { code, out, err } = await cli("--nodes", "5000", "-loss=2%", "--meta", "200", "-churn", "5/min");
  expect([code, err]).toEqual([0, ""]);
  const lines = out.split("\n");
  expect(lines[0]).toBe(
    "5,000 members, lan profile, 0.5 ms one way, 2 % loss, names of 12 bytes, 200 bytes of meta, 5 changes a minute",
  );
  expect(out).toMatch(/^ {2}probes +\d+ B\/s {2}\(ping \+ ack/m);
  expect(out).toMatch(/^ {2}push\/pull +10\.2 kB\/s {2}2 x list/m);
  expect(out).toMatch(/^ {2}everybody, median +\d+ ms {2}n u = ln 2 {2}\[\d+\]$/m);
  expect(out).toMatch(/^First to break as the pool grows: .*\(-loss\)/m);
  // Aligned: the values of a group end in one column.
  const ends = lines.filter((line) => / {2}\[4\]$/.test(line)).map((line) => line.search(/ {2}(2 x|interval|n[ /])/));
  expect(new Set(ends).size).toBe(1);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
});

test("the same as JSON, with formulas and sources", async () => {
  const { code, out } = await cli("-nodes=100", "-json", "-gossip-nodes=4", "-gossip-interval", "100ms");
  expect(code).toBe(0);
  const plan = JSON.parse(out);
  expect(plan.inputs).toMatchObject({ nodes: 100, loss: 0, config: { gossipNodes: 4, gossipIntervalMs: 100 } });
  expect(plan.figures.traffic.packetsPerSecond).toMatchObject({ value: 2, unit: "packets/s" });
  expect(plan.figures.detection.firstSuspicionMs.source).toContain("SWIM");
  expect(plan.limits[0].share).toBeGreaterThan(plan.limits[1].share);
  expect(plan.verification).toBeUndefined();
});

test("-buddy and -nacks are settings of the pool, in the plan and in what -verify measures", async () => {
  const plan = async (...more: string[]) => {
    const { code, out } = await cli("-nodes=30", "-loss=30%", "-stream-pings=false", "-json", ...more);
    expect(code).toBe(0);
    return JSON.parse(out);
  };
  const [usual, without] = [await plan(), await plan("--buddy=false", "--nacks=false")];
  expect(usual.inputs.config).toMatchObject({ buddy: true, nacks: true });
  expect(without.inputs.config).toMatchObject({ buddy: false, nacks: false });
  const { mistakes } = without.figures;
  expect(mistakes.suspicionsPerMemberDay.value).toBeGreaterThan(usual.figures.mistakes.suspicionsPerMemberDay.value);
  expect(mistakes.deathsPerMemberDay.formula).toContain("no buddy system");
  expect(mistakes.suspicionsPerMemberDay.formula).toContain("no nacks");
  const measured = async (...more: string[]) =>
    (
      await plan("-verify", "-loss=10%", "-stream-pings", "-broadcasts=1", "-crashes=1", ...more)
    ).verification.tables[0].rows.find((row: { quantity: string }) => row.quantity === "packets").measured;
  expect(await measured("--nacks=false")).toBeLessThan(await measured());
});

test("as far as a node's own settings go", async () => {
  const { code, out } = await cli("-nodes=1000000", "-latency=10s", "-retransmit-mult=100", "-json");
  expect(code).toBe(0);
  expect(JSON.parse(out).figures.convergence.halfMs.value).toBeGreaterThan(20_000);
});

test("verified: prediction beside measurement, the same twice", async () => {
  const argv = ["-nodes=40", "-verify", "-broadcasts=3", "-crashes=1", "-seed=5"];
  const first = await cli(...argv);
  expect([first.code, first.err]).toEqual([0, ""]);
  expect(first.out).toContain("Prediction and measurement, 40 members, seed 5\n");
  expect(first.out).toMatch(/all together +\d+ B\/s +\d+ B\/s +[-+]?\d+\.\d %/);
  expect(first.out).toMatch(/crash: everybody knows, mean/);
  expect((await cli(...argv)).out).toBe(first.out);
  const { verification } = JSON.parse((await cli(...argv, "-json")).out);
  expect(verification).toMatchObject({ seed: 5, complete: true, settings: { broadcasts: 3, crashes: 1 } });
});

test("Ctrl-C keeps what was measured, and the code says that it is not all", async () => {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    // It has measured the pool at rest, and is at what comes after that.
    const { code, out, err } = await watched(["-nodes=100", "-verify", "-broadcasts=1000"], (text) => {
      if (text.includes("broadcast")) process.emit("SIGINT");
    });
    expect(code).toBe(130);
    expect(err).toContain("broken off");
    expect(out).toContain("(broken off)");
    expect(out).toContain("at rest, by packets");
    expect(out).not.toContain("crash: everybody knows, mean");
  } finally {
    process.off("SIGINT", ignore);
  }
});

describe("refused in one line", () => {
  test.each([
    [[], "-nodes is missing: how many members?"],
    [["-nodes=many"], '-nodes is a whole number, not "many"'],
    [["-nodes=1"], "-nodes: 2 to 1000000, not 1"],
    [["-nodes=9", "-loss=two"], '-loss: "two" is no share: write 2% or 0.02'],
    [["-nodes=9", "-loss=80%"], "-loss: 0 to 0.5, not 0.8"],
    [["-nodes=9", "-latency=11s"], "-latency: 0.001 ms to 10000 ms, not 11000 ms"],
    [["-nodes=9", "-retransmit-mult=101"], "-retransmit-mult: 1 to 100, not 101"],
    [["-nodes=9", "-churn=5"], '-churn: "5" is no rate: write 5/min, 2/s, 100/h or 50/day'],
    [["-nodes=9", "-latency=soon"], '-latency: "soon" is no duration: write 200ms, 1.5s or 5m'],
    [["-nodes=9", "-budget=lots"], '-budget: "lots" is no rate: write 125kB/s or 1MB/s'],
    [["-nodes=9", "-profile=mars"], '-profile is lan, wan or local, not "mars"'],
    [["-nodes=9", "-probe-timeout=2s"], "-probe-timeout: 1 ms to the probe interval, not 2000 ms"],
    [["-nodes=9", "-gossip-node=3"], "unknown flag -gossip-node; did you mean -gossip-nodes?"],
    [["-nodes=10001", "-verify"], "-verify: at most 10000 members, not 10001; plan those without it"],
    [["-nodes=9", "-seed=4"], "-seed is for -verify, which is not given"],
    [["-nodes=9", "-verify", "-crashes=9"], "-crashes: at most 4 with 9 members, not 9"],
    [["-nodes=9", "-verify", "-broadcasts=0"], '-broadcasts is a whole number from 1 on, not "0"'],
  ])("%j", async (argv, message) => {
    const { code, out, err } = await cli(...argv);
    expect([code, out, err]).toEqual([1, "", `${message} (see "hearsay plan -h")\n`]);
  });
});

test("flags are unique, and settings are the protocol's", () => {
  const names = PLAN_SPEC.flags.map((flag) => flag.name);
  expect(new Set(names).size).toBe(names.length);
  for (const [key, { kind }] of Object.entries(PLAN_SETTINGS)) {
    const setting = lanConfig[key as keyof typeof lanConfig];
    expect(typeof setting, key).toBe(kind === "switch" ? "boolean" : "number");
  }
});

test.each([
  [101, "bytes/s", "101 B/s"],
  [51_130_000, "bytes/s", "51.1 MB/s"],
  [18, "ms", "18 ms"],
  [17_930.7, "ms", "17.9 s"],
  [270_000, "ms", "4.5 min"],
  [0.02, "share", "2 %"],
  [1.8527e-5, "share", "1 in 54,000"],
  [323, "per day", "323/day"],
  [0.0646, "per day", "1 in 15.5 days"],
  [0, "per day", "never"],
  [0.0833, "per second", "5/min"],
  [176_471, "count", "176,471"],
] as const)("%d %s is written %s", (amount, unit, text) => {
  expect(value(amount, unit)).toBe(text);
});
