/**
 * One pool of replicated states, measured: what it sends while nothing changes, and what becomes of single changes of an
 * owner's key and of a shared one.
 */
import { Rng, retransmitLimit } from "@hearsay/core";
import { type ExchangeMode, type ReplicatedState, type StateEvent, stateDefaults } from "@hearsay/state";
import type { Latency } from "../latency.ts";
import { StatePool } from "../state-pool.ts";
import { ownKey, sharedKey, valueFor } from "../state-warm.ts";
import { advance, advanceUntil, type Progress } from "./experiment.ts";

export interface StateWork {
  readonly seed: number;
  readonly nodes: number;
  readonly keysPerNode: number;
  readonly valueBytes: number;
  readonly mode: ExchangeMode;
  /** 0: anti-entropy alone. */
  readonly gossipNodes: number;
  readonly gossipIntervalMs: number;
  readonly syncIntervalMs: number;
  readonly loss: number;
  readonly latency: Latency;
  readonly restMs: number;
  /** Of each kind of map. */
  readonly changes: number;
}

export type MapKind = "own" | "shared";

/** What became of one change. */
export interface Change {
  readonly map: MapKind;
  /** When each node had it: ms after it was written, ascending, the writer's 0 first. Shorter if some never did. */
  readonly timesMs: readonly number[];
  /** Sent by all for it, above what they send at rest. */
  readonly packets: number;
  readonly bytes: number;
}

export interface StatePoint {
  readonly work: StateWork;
  /** By each node and second, while nothing changes. */
  readonly restPackets: number;
  readonly restBytes: number;
  /** One message that holds everything. */
  readonly fullStateBytes: number;
  readonly changes: readonly Change[];
}

/** Before anything is measured: ms. */
const settleMs = 3000;
/** After so many rounds a change that not everybody has is given up. */
const limitRounds = 200;
/** Waits are jittered by a fifth. */
const jitter = 1.2;
/** Shares of the work: until the pool stands, its rest, its changes. */
const createdShare = 0.5;
const restedShare = 0.6;

/** @param progress of the share done: 0 … 1 */
export function* measureState(
  work: StateWork,
  progress: (share: number) => Progress,
): Generator<Progress, StatePoint, void> {
  return yield* (yield* Measuring.begin(work, progress)).run();
}

class Measuring {
  readonly #work: StateWork;
  readonly #pool: StatePool;
  readonly #progress: (share: number) => Progress;
  readonly #rng: Rng;
  #rest = { packets: 0, bytes: 0 };
  #written = 0;

  static *begin(work: StateWork, progress: (share: number) => Progress): Generator<Progress, Measuring, void> {
    const { seed, nodes, keysPerNode, valueBytes, loss, latency } = work;
    const { mode, gossipNodes, gossipIntervalMs, syncIntervalMs } = work;
    const creation = StatePool.create({
      seed,
      nodes,
      network: { loss, latency },
      config: { mode, gossipNodes, gossipIntervalMs, syncIntervalMs },
      contents: { keysPerNode, sharedKeys: 1, valueBytes },
    });
    for (;;) {
      const step = creation.next();
      if (step.done) return new Measuring(work, step.value, progress);
      yield progress(step.value * createdShare);
    }
  }

  constructor(work: StateWork, pool: StatePool, progress: (share: number) => Progress) {
    this.#work = work;
    this.#pool = pool;
    this.#progress = progress;
    this.#rng = new Rng(work.seed).fork("changes");
  }

  *run(): Generator<Progress, StatePoint, void> {
    const { nodes, restMs } = this.#work;
    const { world } = this.#pool;
    yield* advance(world, settleMs, () => this.#progress(createdShare));
    const before = this.#pool.sent();
    const span = restedShare - createdShare;
    yield* advance(world, restMs, (share) => this.#progress(createdShare + share * span));
    const after = this.#pool.sent();
    const packets = (after.packets - before.packets) / restMs;
    const bytes = (after.bytes - before.bytes) / restMs;
    this.#rest = { packets, bytes };
    const changes = yield* this.#changes();
    return {
      work: this.#work,
      restPackets: (packets * 1000) / nodes,
      restBytes: (bytes * 1000) / nodes,
      fullStateBytes: this.#pool.fullStateBytes,
      changes,
    };
  }

  *#changes(): Generator<Progress, Change[], void> {
    const changes: Change[] = [];
    const total = 2 * this.#work.changes;
    for (const map of ["own", "shared"] as const) {
      for (let i = 0; i < this.#work.changes; i++) {
        const progress = this.#progress(restedShare + ((1 - restedShare) * changes.length) / total);
        changes.push(yield* this.#change(map, progress));
      }
    }
    return changes;
  }

  *#change(map: MapKind, progress: Progress): Generator<Progress, Change, void> {
    const { nodes, syncIntervalMs } = this.#work;
    const { world } = this.#pool;
    const timesMs: number[] = [];
    const start = world.now;
    const before = this.#pool.sent();
    const writer = this.#rng.below(nodes);
    const write = this.#write(map, writer);
    world.onEvent = (_, event, now) => {
      if (write.isIt(event)) timesMs.push(now - start);
    };
    this.#pool.act(writer, write.act);
    const everyMs = Math.max(20, this.#work.gossipIntervalMs / 4);
    const limitMs = limitRounds * syncIntervalMs;
    yield* advanceUntil(
      world,
      () => timesMs.length === nodes,
      limitMs,
      everyMs,
      () => progress,
    );
    // What is still being passed on belongs to it.
    yield* advance(world, this.#tailMs(), () => progress);
    world.onEvent = undefined;
    const after = this.#pool.sent();
    const spent = world.now - start;
    return {
      map,
      timesMs,
      packets: Math.max(0, after.packets - before.packets - this.#rest.packets * spent),
      bytes: Math.max(0, after.bytes - before.bytes - this.#rest.bytes * spent),
    };
  }

  #write(map: MapKind, writer: number) {
    const { keysPerNode, valueBytes } = this.#work;
    const owner = this.#pool.nameOf(writer);
    const value = valueFor(`${owner} ${++this.#written}`, valueBytes);
    if (map === "shared") {
      return {
        act: (state: ReplicatedState, now: number) => state.setShared(sharedKey(0), value, now),
        isIt: (event: StateEvent) => event.type === "shared-change",
      };
    }
    const key = ownKey(this.#rng.below(keysPerNode));
    return {
      act: (state: ReplicatedState, now: number) => state.set(key, value, now),
      isIt: (event: StateEvent) => event.type === "node-change" && event.owner === owner && event.key === key,
    };
  }

  /** Until the last who heard of a change has told it as often as anyone does. */
  #tailMs(): number {
    const { nodes, gossipNodes, gossipIntervalMs, syncIntervalMs } = this.#work;
    if (gossipNodes === 0) return jitter * syncIntervalMs;
    const rounds = Math.ceil(retransmitLimit(stateDefaults.retransmitMult, nodes) / gossipNodes) + 1;
    return jitter * rounds * gossipIntervalMs;
  }
}

/** ms until this share had it; undefined when it never came to that. */
export function changeShareMs(change: Change, nodes: number, share: number): number | undefined {
  return change.timesMs[Math.ceil(share * nodes - 1e-9) - 1];
}
