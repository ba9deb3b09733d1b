/**
 * What goes wrong in a swarm run, as plain data drawn from the seed: each kind of fault is on or off, and those that are on
 * weigh anything from once to all the time. A list like this can be printed, run again, and made smaller.
 */
import type { Rng } from "@hearsay/core";
import type { NetworkConditions } from "./network.ts";

/** Members by number; times in ms from the start of the run. */
export type Fault = { readonly at: number } & (
  | {
      readonly kind: "loss" | "bursts" | "duplicates" | "reorder" | "latency" | "bandwidth";
      readonly until: number;
      readonly conditions: NetworkConditions;
    }
  | { readonly kind: "one-way"; readonly until: number; readonly from: number; readonly to: number }
  | {
      readonly kind: "flip-flop";
      readonly until: number;
      readonly from: number;
      readonly to: number;
      readonly periodMs: number;
    }
  | { readonly kind: "partition"; readonly until: number; readonly groups: readonly (readonly number[])[] }
  | { readonly kind: "stall" | "block"; readonly node: number; readonly ms: number }
  | { readonly kind: "clock"; readonly node: number; readonly ms: number }
  | {
      readonly kind: "crash";
      readonly node: number;
      readonly host: boolean;
      /** Undefined: it stays away. */
      readonly backAfterMs: number | undefined;
      /** It comes back with the pool as it last knew it. */
      readonly memory: boolean;
      /** It comes back at another address, without a memory. */
      readonly elsewhere: boolean;
    }
  | { readonly kind: "leave"; readonly node: number; readonly backAfterMs: number | undefined }
  | { readonly kind: "join-wave"; readonly count: number; readonly spreadMs: number }
  | { readonly kind: "broadcast"; readonly node: number; readonly count: number; readonly bytes: number }
  | { readonly kind: "meta"; readonly node: number; readonly bytes: number }
  | { readonly kind: "unhealthy"; readonly until: number; readonly node: number }
);

export type FaultKind = Fault["kind"];

type Draw = (rng: Rng, at: number, span: Span) => Fault;

interface Span {
  readonly nodes: number;
  readonly endMs: number;
}

/** Above this many faults of a kind a run only gets longer. */
const mostOfAKind = 16;

const draws: Readonly<Record<FaultKind, Draw>> = {
  loss: (rng, at, span) => network("loss", rng, at, span, { loss: rng.float() ** 2 * 0.6 }),
  bursts: (rng, at, span) =>
    network("bursts", rng, at, span, {
      bursts: {
        everyMs: logBetween(rng, 500, 20_000),
        lengthMs: logBetween(rng, 50, 5000),
        loss: 0.3 + 0.7 * rng.float(),
      },
    }),
  duplicates: (rng, at, span) => network("duplicates", rng, at, span, { duplicates: rng.float() ** 2 }),
  reorder: (rng, at, span) =>
    network("reorder", rng, at, span, { reorder: { share: rng.float(), ms: logBetween(rng, 1, 3000) } }),
  latency: (rng, at, span) => network("latency", rng, at, span, { latency: latency(rng) }),
  bandwidth: (rng, at, span) =>
    network("bandwidth", rng, at, span, {
      bandwidth: { bytesPerSecond: logBetween(rng, 1500, 100_000), queueBytes: logBetween(rng, 1500, 50_000) },
    }),
  "one-way": (rng, at, span) => {
    const [from, to] = two(rng, span.nodes);
    return { kind: "one-way", at, until: until(rng, at, span), from, to };
  },
  "flip-flop": (rng, at, span) => {
    const [from, to] = two(rng, span.nodes);
    return { kind: "flip-flop", at, until: until(rng, at, span), from, to, periodMs: logBetween(rng, 100, 20_000) };
  },
  partition: (rng, at, span) => {
    const groups: number[][] = Array.from({ length: 2 + rng.below(3) }, () => []);
    // Groups of all sizes: a single node cut off as often as halves.
    const share = rng.float();
    for (let i = 0; i < span.nodes; i++) groups[rng.float() < share ? 0 : rng.below(groups.length)]!.push(i);
    return { kind: "partition", at, until: until(rng, at, span), groups };
  },
  stall: (rng, at, span) => held("stall", rng, at, span),
  block: (rng, at, span) => held("block", rng, at, span),
  clock: (rng, at, span) => {
    const ms = rng.below(2) === 0 ? logBetween(rng, 10, 3_600_000) : -logBetween(rng, 10, 8000);
    return { kind: "clock", at, node: rng.below(span.nodes), ms: Math.round(ms) };
  },
  crash: (rng, at, span) => {
    const node = rng.below(span.nodes);
    const host = rng.below(2) === 0;
    const how = rng.below(4);
    return { kind: "crash", at, node, host, backAfterMs: back(rng), memory: how === 0, elsewhere: how === 1 };
  },
  leave: (rng, at, span) => ({ kind: "leave", at, node: rng.below(span.nodes), backAfterMs: back(rng) }),
  "join-wave": (rng, at) => {
    const count = 1 + rng.below(4);
    return { kind: "join-wave", at, count, spreadMs: Math.round(logBetween(rng, 1, 5000)) };
  },
  broadcast: (rng, at, span) => {
    const bytes = Math.round(logBetween(rng, 8, 1200));
    return { kind: "broadcast", at, node: rng.below(span.nodes), count: Math.round(logBetween(rng, 1, 30)), bytes };
  },
  meta: (rng, at, span) => ({ kind: "meta", at, node: rng.below(span.nodes), bytes: rng.below(513) }),
  unhealthy: (rng, at, span) => {
    return { kind: "unhealthy", at, until: until(rng, at, span), node: rng.below(span.nodes) };
  },
};

export const faultKinds = Object.keys(draws) as readonly FaultKind[];

/** A schedule for members 0 … `nodes` - 1 between `startMs` and `endMs`, in order of time. */
export function drawFaults(seed: Rng, nodes: number, startMs: number, endMs: number): Fault[] {
  const faults: Fault[] = [];
  for (const kind of faultKinds) {
    // One generator for each kind: whether one is on moves none of the others.
    const rng = seed.fork(kind);
    if (rng.float() < 0.55) continue;
    const count = Math.round(logBetween(rng, 1, mostOfAKind));
    for (let i = 0; i < count; i++) {
      const at = Math.round(startMs + rng.float() * (endMs - startMs));
      faults.push(draws[kind](rng, at, { nodes, endMs }));
    }
  }
  return faults.sort((a, b) => a.at - b.at);
}

/** One line: what, when, to whom. */
export function faultText(fault: Fault): string {
  const { at, kind, ...rest } = fault;
  const details = Object.entries(rest).map(([key, value]) => `${key} ${JSON.stringify(value) ?? "never"}`);
  return `${(at / 1000).toFixed(3).padStart(9)} s  ${kind.padEnd(10)}  ${details.join(", ")}`;
}

type NetworkKind = Extract<Fault, { conditions: NetworkConditions }>["kind"];

function network(kind: NetworkKind, rng: Rng, at: number, span: Span, conditions: NetworkConditions): Fault {
  return { kind, at, until: until(rng, at, span), conditions };
}

function held(kind: "stall" | "block", rng: Rng, at: number, span: Span): Fault {
  const ms = Math.round(Math.min(logBetween(rng, 20, 30_000), span.endMs - at));
  return { kind, at, node: rng.below(span.nodes), ms };
}

function until(rng: Rng, at: number, span: Span): number {
  return Math.round(Math.min(span.endMs, at + logBetween(rng, 200, 90_000)));
}

/** One in six stays away. */
function back(rng: Rng): number | undefined {
  const ms = Math.round(logBetween(rng, 50, 60_000));
  return rng.below(6) === 0 ? undefined : ms;
}

function two(rng: Rng, nodes: number): [number, number] {
  const from = rng.below(nodes);
  return [from, (from + 1 + rng.below(Math.max(1, nodes - 1))) % nodes];
}

function latency(rng: Rng): NonNullable<NetworkConditions["latency"]> {
  const medianMs = logBetween(rng, 0.1, 400);
  switch (rng.below(3)) {
    case 0:
      return { kind: "constant", ms: medianMs };
    case 1:
      return { kind: "uniform", minMs: medianMs / 10, maxMs: medianMs * 2 };
    default:
      return { kind: "lognormal", medianMs, sigma: 0.1 + 1.4 * rng.float() };
  }
}

/** Evenly over the orders of magnitude. */
function logBetween(rng: Rng, low: number, high: number): number {
  return low * (high / low) ** rng.float();
}
