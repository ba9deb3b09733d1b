/**
 * Nodes that hold everybody's keys from the beginning, without the millions of messages that it would take them to learn of
 * each other. Everything goes through the machines' own doors: a collector, which is a twin of the first node, asks each
 * for its keys by an ordinary exchange, and what it would answer to a newcomer is then told to everybody. It is read
 * once: the nodes share the values, which nobody changes.
 */
import type { Endpoint, Rng } from "@hearsay/core";
import { decodeStateMessage, ReplicatedState, type StateConfig, type StateDecoder } from "@hearsay/state";
import { encodeUtf8 } from "@hearsay/wire";

/** What there is. */
export interface Contents {
  /** Keys in each node's own map. */
  readonly keysPerNode: number;
  /** Keys in the shared map, written by the first node. */
  readonly sharedKeys: number;
  readonly valueBytes: number;
}

export interface WarmOptions {
  readonly members: readonly { readonly name: string; readonly endpoint: Endpoint }[];
  readonly config: StateConfig;
  readonly contents: Contents;
  /** ms since 1970 at 0 of the world. */
  readonly wallStartMs: number;
  readonly rng: Rng;
}

export interface Warm {
  /** Not started yet. */
  readonly states: readonly ReplicatedState[];
  /** Of the one message that told everything. */
  readonly fullStateBytes: number;
}

/** Everything here happens before the world begins: its ms. */
const writtenAt = -3_600_000;
const askedAt = -1_800_000;
const toldAt = -1;
/** An exchange has at most seven messages; then something is wrong. */
const mostMessages = 16;
const nowhere: Endpoint = { address: "", port: 0 };

/** Heap of a pool: what every node notes of every other one, and of each of its keys; the values are shared. Measured. */
const bytesPerPair = 900;
const bytesPerPairAndKey = 60;
const bytesPerSharedKey = 300;
const baseMb = 300;

/** MB of heap that a pool may need. */
export function stateHeapMb(nodes: number, { keysPerNode, sharedKeys }: Omit<Contents, "valueBytes">): number {
  const perNode = nodes * (bytesPerPair + bytesPerPairAndKey * keysPerNode) + bytesPerSharedKey * sharedKeys;
  return Math.ceil(baseMb + (nodes * perNode) / 2 ** 20);
}

export function ownKey(index: number): string {
  return `key-${index}`;
}

export function sharedKey(index: number): string {
  return `shared-${String(index).padStart(4, "0")}`;
}

/** A value of so many bytes that tells its writes apart: the text, then dots. */
export function valueFor(text: string, bytes: number): Uint8Array {
  const value = new Uint8Array(Math.max(bytes, text.length)).fill(0x2e);
  value.set(encodeUtf8(text));
  return value;
}

/** Yields how far it is, 0 … 1: for a thousand nodes it takes a while. */
export function warmStart(options: WarmOptions): Generator<number, Warm, void> {
  return new WarmStart(options).run();
}

class WarmStart {
  readonly #options: WarmOptions;
  /** What is told to all, and what it says. */
  #told: Uint8Array | undefined;
  #reading: ReturnType<StateDecoder> = "empty";

  constructor(options: WarmOptions) {
    this.#options = options;
  }

  *run(): Generator<number, Warm, void> {
    const { members, config } = this.#options;
    const states = members.map((_, i) => this.#node(i));
    const everything = this.#collect(states);
    this.#told = everything;
    this.#reading = decodeStateMessage(everything, config.maxValueBytes, Number.POSITIVE_INFINITY);
    for (const [i, state] of states.entries()) {
      this.#tell(state, everything);
      yield (i + 1) / states.length;
    }
    this.#told = undefined;
    return { states, fullStateBytes: everything.length };
  }

  /** A node with its own keys, which nobody has heard of; nothing waits to be passed on. */
  #node(index: number): ReplicatedState {
    const { members, config } = this.#options;
    const state = this.#state(members[index]!.name, config);
    this.#write(state, state.name);
    // There is nobody to tell, and so it is dropped.
    state.handleTimeout(writtenAt + 2 * config.gossipIntervalMs);
    return state;
  }

  #state(name: string, config: Partial<StateConfig>, kind = ""): ReplicatedState {
    return new ReplicatedState({
      name,
      generation: this.#options.wallStartMs,
      rng: this.#options.rng.fork(`state ${name}${kind}`),
      config,
      decode: (bytes, most, items) => (bytes === this.#told ? this.#reading : decodeStateMessage(bytes, most, items)),
    });
  }

  #write(state: ReplicatedState, name: string): void {
    const { keysPerNode, valueBytes } = this.#options.contents;
    const value = valueFor(`${name} 0`, valueBytes);
    for (let i = 0; i < keysPerNode; i++) state.set(ownKey(i), value, writtenAt);
  }

  /** The message that tells a newcomer everything. */
  #collect(states: readonly ReplicatedState[]): Uint8Array {
    const { members, contents, wallStartMs, config } = this.#options;
    // It asks for all, tells nothing by itself, and may be as long as it needs to.
    const asking = { ...config, mode: "pull", gossipNodes: 0, maxStreamBytes: Number.MAX_SAFE_INTEGER } as const;
    const collector = this.#state(members[0]!.name, asking, " twin");
    this.#write(collector, collector.name);
    introduce(collector, members);
    collector.start(askedAt, wallStartMs + askedAt);
    const value = valueFor(`${collector.name} 0`, contents.valueBytes);
    for (let i = 0; i < contents.sharedKeys; i++) collector.setShared(sharedKey(i), value, askedAt);
    const question = openingOf(collector);
    for (const [i, state] of states.entries()) if (i > 0) converse(question, state, collector);
    const newcomer = this.#state("newcomer", asking);
    introduce(newcomer, members);
    newcomer.start(askedAt, wallStartMs + askedAt);
    return converse(openingOf(newcomer), collector, newcomer);
  }

  #tell(state: ReplicatedState, everything: Uint8Array): void {
    const { members, wallStartMs } = this.#options;
    introduce(state, members);
    state.setWallClock(wallStartMs + toldAt, toldAt);
    state.handleStreamPush(members[0]!.endpoint, everything, toldAt);
    drain(state);
  }
}

/** To all but itself. */
function introduce(state: ReplicatedState, members: WarmOptions["members"]): void {
  for (const { name, endpoint } of members) state.setPeer(name, endpoint, "alive", writtenAt);
}

/** The opening of its first round. */
function openingOf(state: ReplicatedState): Uint8Array {
  const out = { buffer: new Uint8Array(state.config.maxPacketBytes), length: 0, to: nowhere };
  state.handleTimeout(askedAt + 2 * state.config.syncIntervalMs);
  if (!state.pollTransmit(out)) throw new Error(`${state.name} opens no exchange`);
  const opening = out.buffer.slice(0, out.length);
  while (state.pollTransmit(out)) {
    // The same to others, if it asks several at once.
  }
  return opening;
}

/** An exchange, each message as long as it needs to be. Returns the last one. */
function converse(opening: Uint8Array, asked: ReplicatedState, asker: ReplicatedState): Uint8Array {
  let last = opening;
  for (let i = 0; i < mostMessages; i++) {
    const now = askedAt + 2 * asker.config.syncIntervalMs;
    const answer = (i % 2 === 0 ? asked : asker).handleStreamRequest(nowhere, last, now);
    if (answer === undefined) return last;
    last = answer;
  }
  throw new Error(`${asked.name} and ${asker.name} come to no end`);
}

/** Drops the events of the time before the world. */
function drain(state: ReplicatedState): void {
  while (state.pollEvent() !== undefined) {
    // Nobody is there to hear it.
  }
}
