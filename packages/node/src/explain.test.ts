import type { Evidence } from "@hearsay/core";
import { describe, expect, test } from "vitest";
import type { WallEvidence } from "./api.ts";
import { type Subject, summarize } from "./explain.ts";

/** Noon of a day; evidence is given in ms after it. */
const noon = new Date(2026, 10, 22, 12, 0, 0, 0);
const at = (ms: number) => new Date(noon.getTime() + ms);

const home = { address: "10.0.0.7", port: 7946 } as const;

type Loose = { type: Evidence["type"]; at: number; incarnation?: number } & Record<string, unknown>;

function log(...entries: Loose[]): WallEvidence[] {
  return entries.map((entry) => ({ incarnation: 3, ...entry, time: at(entry.at) }) as unknown as WallEvidence);
}

function subject(overrides: Partial<Subject>): Subject {
  return {
    name: "web-7",
    member: { status: "alive", state: "alive", since: noon, incarnation: 3, ...home },
    evidence: [],
    speaker: "web-0",
    now: at(60_000),
    ...overrides,
  };
}

const probe = (from: number, seqNo = 1841): Loose[] => [
  { type: "ping-unanswered", at: from + 500, seqNo, elapsedMs: 500 },
  { type: "indirect-ping-sent", at: from + 500, seqNo, via: "web-1", elapsedMs: 500 },
  { type: "indirect-ping-sent", at: from + 500, seqNo, via: "web-2", elapsedMs: 500 },
  { type: "indirect-ping-sent", at: from + 500, seqNo, via: "web-4", elapsedMs: 500 },
  { type: "stream-ping-failed", at: from + 502, reason: "refused", elapsedMs: 502 },
  { type: "indirect-nack", at: from + 900, seqNo, via: "web-1", elapsedMs: 900 },
  { type: "indirect-nack", at: from + 910, seqNo, via: "web-2", elapsedMs: 910 },
  { type: "probe-failed", at: from + 1000, seqNo, elapsedMs: 1000, nacksExpected: 3, nacksReceived: 2, healthScore: 0 },
];

describe("failed", () => {
  const failed = { status: "failed", state: "dead", since: at(5120), incarnation: 3, ...home } as const;

  test("by our own probe, confirmed by others", () => {
    const evidence = log(
      ...probe(100),
      { type: "suspected", at: 1100, from: "web-0", remainingMs: 24_000, confirmations: 0, confirmationsWanted: 2 },
      { type: "confirmed", at: 1300, from: "web-3", remainingMs: 12_000, confirmations: 1, confirmationsWanted: 2 },
      { type: "confirmed", at: 1500, from: "web-9", remainingMs: 3600, confirmations: 2, confirmationsWanted: 2 },
      { type: "dead", at: 5120, from: "web-0", suspectedForMs: 4020 },
    );
    expect(summarize(subject({ member: failed, evidence }))).toBe(
      "failed at 12:00:05.120: direct ping 1841 had no ack within 500 ms; 3 relays asked (web-1, web-2, web-4): 2 nacks; " +
        "TCP ping refused; accused by us at 12:00:01.100, confirmed by web-3 and web-9; " +
        "dead 4.0 s after the first suspicion (incarnation 3)",
    );
  });

  test("told by others; our probes and earlier lives play no part", () => {
    const evidence = log(
      ...probe(-100_000, 7),
      { type: "refuted", at: -90_000, from: "" },
      { type: "suspected", at: 1000, from: "web-5", remainingMs: 4000, confirmations: 0, confirmationsWanted: 2 },
      { type: "dead", at: 5120, from: "web-5", suspectedForMs: 4120 },
    );
    expect(summarize(subject({ member: failed, evidence }))).toBe(
      "failed at 12:00:05.120: accused by web-5 at 12:00:01.000, confirmed by nobody; " +
        "web-5 declared it dead 4.1 s after the first suspicion (incarnation 3)",
    );
  });

  test("out of the blue, and with no evidence left", () => {
    const evidence = log({ type: "dead", at: 5120, from: "web-5", suspectedForMs: -1 });
    expect(summarize(subject({ member: failed, evidence }))).toBe(
      "failed at 12:00:05.120: web-5 declared it dead, never suspected here (incarnation 3)",
    );
    expect(summarize(subject({ member: failed }))).toBe(
      "failed at 12:00:05.120: others told so before this node saw anything of it",
    );
  });

  test("alone with it, more than one probe, and not quite well ourselves", () => {
    const evidence = log(
      { type: "ping-unanswered", at: 500, seqNo: 1, elapsedMs: 500 },
      { type: "stream-ping-failed", at: 900, reason: "timeout", elapsedMs: 900 },
      { type: "probe-failed", at: 1000, seqNo: 1, elapsedMs: 1000, nacksExpected: 0, nacksReceived: 0, healthScore: 2 },
      { type: "suspected", at: 1000, from: "web-0", remainingMs: 4000, confirmations: 0, confirmationsWanted: 0 },
      { type: "probe-failed", at: 2000, seqNo: 2, elapsedMs: 1000, nacksExpected: 0, nacksReceived: 0, healthScore: 2 },
      { type: "dead", at: 5000, from: "web-0", suspectedForMs: 4000 },
    );
    expect(summarize(subject({ member: failed, evidence }))).toBe(
      "failed at 12:00:05.120: direct ping 1 had no ack within 500 ms; no other member to ask; " +
        "TCP ping had no answer in time; our own health score was 2, so we may have been the slow one; " +
        "1 more probe unanswered; accused by us at 12:00:01.000; dead 4.0 s after the first suspicion (incarnation 3)",
    );
  });

  test("a date that is not today's is written out", () => {
    const text = summarize(subject({ member: failed, now: at(86_400_000 * 2) }));
    expect(text).toContain("failed at 2026-11-22 12:00:05.120");
  });
});

test("suspected: when it will be dead", () => {
  const evidence = log(...probe(0), {
    type: "suspected",
    at: 1000,
    from: "web-0",
    remainingMs: 4000,
    confirmations: 0,
    confirmationsWanted: 0,
  });
  const member = { status: "alive", state: "suspect", since: at(-5000), incarnation: 3, ...home } as const;
  expect(summarize(subject({ member, evidence }))).toBe(
    "suspected since 12:00:01.000: direct ping 1841 had no ack within 500 ms; 3 relays asked (web-1, web-2, web-4): " +
      "2 nacks; TCP ping refused; accused by us at 12:00:01.000; dead at 12:00:05.000 unless it answers (incarnation 3)",
  );
});

test.each<[string, Partial<Subject>, string]>([
  ["quiet", {}, "alive since 12:00:00.000; nothing was ever held against it"],
  [
    "refuted",
    {
      evidence: log(
        { type: "suspected", at: 1000, from: "web-3", remainingMs: 1, confirmations: 0, confirmationsWanted: 0 },
        { type: "refuted", at: 1500, from: "", incarnation: 4 },
      ),
    },
    "alive since 12:00:00.000: refuted the suspicion of web-3 at 12:00:01.500 (incarnation 4)",
  ],
  [
    "saved by a relay",
    { evidence: log({ type: "indirect-ack", at: 700, seqNo: 1, via: "web-2", elapsedMs: 700 }) },
    "alive since 12:00:00.000: a direct ping had no ack, but one came by way of web-2 at 12:00:00.700",
  ],
  [
    "saved by TCP",
    { evidence: log({ type: "stream-ping-ack", at: 700, reason: "", elapsedMs: 700 }) },
    "alive since 12:00:00.000: UDP had no ack, but TCP did at 12:00:00.700: UDP to it may be blocked",
  ],
  [
    "back on another address",
    {
      evidence: log(
        { type: "moved", at: 900, address: "2001:db8::1", port: 7946 },
        { type: "alive", at: 900, from: "" },
      ),
    },
    "alive since 12:00:00.000: came back at 12:00:00.900 (incarnation 3); moved to [2001:db8::1]:7946 at 12:00:00.900",
  ],
  [
    "restarted elsewhere: its own claim of the name, and pings to the old address, are past",
    {
      evidence: log(
        { type: "ping-unanswered", at: 300, seqNo: 1, elapsedMs: 500 },
        { type: "stream-ping-ack", at: 310, reason: "", elapsedMs: 510 },
        { type: "conflict", at: 400, address: "10.0.0.8", port: 7946 },
        { type: "alive", at: 900, from: "" },
        { type: "moved", at: 900, ...home },
        { type: "conflict", at: 950, ...home },
      ),
    },
    "alive since 12:00:00.000: came back at 12:00:00.900 (incarnation 3); moved to 10.0.0.7:7946 at 12:00:00.900",
  ],
  [
    "a claim from where it is now",
    { evidence: log({ type: "conflict", at: 400, ...home }) },
    "alive since 12:00:00.000; nothing is held against it",
  ],
  [
    "a rival",
    { evidence: log({ type: "joined", at: 0, from: "" }, { type: "conflict", at: 400, address: "10.0.0.8", port: 1 }) },
    "alive since 12:00:00.000: its name was claimed by 10.0.0.8:1 too (last at 12:00:00.400)",
  ],
  [
    "left by itself",
    {
      member: { status: "left", state: "left", since: at(2000), incarnation: 3, ...home },
      evidence: log({ type: "left", at: 2000, from: "web-7" }),
    },
    "left at 12:00:02.000: it said goodbye itself (incarnation 3)",
  ],
  [
    "forced out after failing",
    {
      member: { status: "left", state: "dead", since: at(9000), incarnation: 3, ...home },
      evidence: log({ type: "dead", at: 5000, from: "web-5", suspectedForMs: -1 }),
    },
    "left at 12:00:09.000: an operator declared it left; before that web-5 declared it dead, never suspected here (incarnation 3)",
  ],
  [
    "forgotten",
    { member: undefined, evidence: log({ type: "dead", at: 5000, from: "web-0", suspectedForMs: 4000 }) },
    "no longer a member (last heard of at 12:00:05.000): dead 4.0 s after the first suspicion (incarnation 3)",
  ],
  [
    "ourselves",
    {
      name: "web-0",
      evidence: log({ type: "stalled", at: 400, lateMs: 30_000 }, { type: "refuted", at: 500, from: "web-1" }),
    },
    "this node itself; it stood still for 30.0 s until 12:00:00.400; it refuted an accusation of web-1 at 12:00:00.500 (incarnation 3)",
  ],
])("%s", (_, overrides, expected) => {
  expect(summarize(subject(overrides))).toBe(expected);
});
