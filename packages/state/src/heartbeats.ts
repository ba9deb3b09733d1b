/**
 * Heartbeats: a number of each owner's that rises while it lives, passed on by all who hear of it. Not a detector: whoever
 * wants one listens to the events (`heartbeat-watch.ts`).
 *
 * A beat costs some seven bytes and rides on packets that go out anyway. Each is sent on a few times by everyone who hears
 * of it, which brings it to most: sent k times by each, it misses a share s of them, s = e^(-k(1 - s)): 20 % for 2, 6 % for
 * 3, 2 % for 4 (infect and die; Kermarrec, Massoulié, Ganesh 2003). That is enough, since the next beat says all that this one
 * did. Our own beat comes the less often the more members there are, so that everyone's share of the stream stays the same.
 *
 * Numbers that are out of line with the one held are refused: a forged one would silence its owner until it had counted so
 * far. If the next one goes on from there, it is the one held that was wrong: forged, or from before this process slept.
 */
import { retransmitLimit } from "@hearsay/core";
import { ShortBeatWriter } from "./beat-codec.ts";
import { BeatQueue } from "./beat-queue.ts";
import { encodeHeartbeat, type MessageBuilder } from "./codec.ts";
import { maxCounter, type StateConfig } from "./config.ts";
import type { Life } from "./lives.ts";
import { type Heartbeat, Section, type ShortBeat } from "./messages.ts";
import type { NodeMaps } from "./node-maps.ts";
import type { Peers } from "./peers.ts";
import type { StateCounters } from "./types.ts";

/** Once is not enough to keep a beat going even in the smallest pool, and two miss a fifth of any. */
const leastSendings = 3;
/** How far beats on different ways may lie apart: so many rounds, and so many beats. */
const slack = 16;
/** How much faster than we ourselves an owner may beat. */
const haste = 4;

/** What became of a beat. "news": it was passed on and told. "known": not above the one held, or our own. */
export type BeatOutcome = "news" | "known" | "beat-unknown" | "beat-ambiguous" | "beat-leap";

export class Heartbeats {
  readonly #config: StateConfig;
  readonly #maps: NodeMaps;
  readonly #peers: Peers;
  readonly #queue = new BeatQueue();
  readonly #onNews: (beat: Heartbeat) => void;
  readonly #counters: StateCounters;
  #ownSent = Number.POSITIVE_INFINITY;

  constructor(
    config: StateConfig,
    maps: NodeMaps,
    peers: Peers,
    counters: StateCounters,
    onNews: (beat: Heartbeat) => void,
  ) {
    this.#config = config;
    this.#maps = maps;
    this.#peers = peers;
    this.#counters = counters;
    this.#onNews = onNews;
  }

  get isOn(): boolean {
    return this.#config.heartbeatIntervalMs > 0;
  }

  /**
   * How often our beat rises: ms, max(heartbeatIntervalMs, 1000 * others alive / heartbeatBudgetPerSecond). Then each
   * node has to hear of heartbeatBudgetPerSecond beats in a second at most. 0 when heartbeats are off.
   */
  get everyMs(): number {
    const { heartbeatIntervalMs, heartbeatBudgetPerSecond } = this.#config;
    return this.isOn ? Math.max(heartbeatIntervalMs, (1000 * this.#peers.aliveCount) / heartbeatBudgetPerSecond) : 0;
  }

  /** How often a member's beats are heard, on average: ms, `everyMs` and one and a half rounds. 0 when they are off. */
  get heardMs(): number {
    const { gossipIntervalMs, syncIntervalMs, syncNodes } = this.#config;
    const roundMs = this.isGossiped ? gossipIntervalMs : syncIntervalMs / syncNodes;
    return this.isOn ? this.everyMs + 1.5 * roundMs : 0;
  }

  /** How often each may be sent on by each: max(3, heartbeatMult * ceil(log10(n + 1))). */
  get sendings(): number {
    const count = this.#peers.aliveCount + 1;
    return Math.max(leastSendings, retransmitLimit(this.#config.heartbeatMult, count));
  }

  /** Others' that wait to be told of, and ours. */
  get waiting(): number {
    return this.#queue.length + (this.#ownSent < this.sendings ? 1 : 0);
  }

  /** Whether they have packets of their own; else they ride on those of rounds. */
  get isGossiped(): boolean {
    const { heartbeatSpread, gossipNodes } = this.#config;
    return heartbeatSpread === "gossip" && gossipNodes > 0;
  }

  /** Whether packets of their own are wanted. */
  get wantsGossip(): boolean {
    if (!this.isGossiped || this.#peers.aliveCount === 0) return false;
    return !this.#queue.isEmpty || this.#ownSent < this.sendings;
  }

  /** Ours rises. */
  beat(): void {
    const { own } = this.#maps;
    if (own.beat < maxCounter) own.beat++;
    this.#ownSent = 0;
  }

  takeShort({ hash, beat }: ShortBeat, now: number): BeatOutcome {
    const life = this.#maps.lives.find(hash);
    if (life === "ambiguous") return "beat-ambiguous";
    return life === undefined ? "beat-unknown" : this.#take(life, beat, now);
  }

  takeLong({ owner, generation, beat }: Heartbeat, now: number): BeatOutcome {
    const life = this.#maps.lives.of(owner);
    // A life is learnt from deltas; until then its heartbeats mean nothing.
    return life?.generation === generation ? this.#take(life, beat, now) : "beat-unknown";
  }

  /** Puts what waits into the room that is left, ours first. Each counts as sent once more. */
  fill(builder: MessageBuilder): void {
    if (!this.isOn) return;
    const limit = this.sendings;
    const short = new ShortBeatWriter(builder.room);
    let left = this.#config.heartbeatsPerPacket;
    const add = (life: Life): boolean => left > 0 && this.#add(life, short, builder) && left-- > 0;
    const own = this.#maps.lives.of(this.#maps.own.owner)!;
    if (this.#ownSent < limit && add(own)) this.#ownSent++;
    this.#queue.take(limit, add);
    if (short.count > 0) builder.add(Section.beats, short.finish());
  }

  /** In few bytes, or at length where several have the hash. */
  #add(life: Life, short: ShortBeatWriter, builder: MessageBuilder): boolean {
    const { map, generation, hash } = life;
    const { owner, beat } = map;
    let isAdded: boolean;
    if (this.#maps.lives.find(hash) !== "ambiguous") isAdded = short.add(hash, beat, builder.room);
    else {
      const long = encodeHeartbeat({ owner, generation, beat });
      isAdded = short.length + long.length <= builder.room && builder.add(Section.beats, long);
    }
    if (isAdded) this.#counters.beatsSent++;
    return isAdded;
  }

  #take(life: Life, beat: number, now: number): BeatOutcome {
    const { map } = life;
    if (map === this.#maps.own || beat === map.beat) return "known";
    if (!this.#isInLine(life, beat, now)) {
      const goesOn = life.doubt > 0 && beat > life.doubt && beat <= life.doubt + this.#slack;
      life.doubt = beat;
      if (!goesOn) return "beat-leap";
    } else if (beat < map.beat) return "known";
    map.beat = beat;
    life.heardAt = now;
    life.doubt = 0;
    this.#queue.add(life);
    this.#counters.beatsNew++;
    this.#onNews({ owner: map.owner, generation: life.generation, beat });
    return "news";
  }

  /** Within what different ways and the time since explain. */
  #isInLine({ map, heardAt }: Life, beat: number, now: number): boolean {
    if (beat < map.beat) return beat >= map.beat - this.#slack;
    return beat <= map.beat + this.#slack + (haste * (now - heardAt)) / this.everyMs;
  }

  /** Beats that may lie between two ways: 16, and those of 16 rounds. */
  get #slack(): number {
    return slack * (1 + this.#config.syncIntervalMs / this.everyMs);
  }
}
