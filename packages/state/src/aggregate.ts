/**
 * One aggregate: every member has a value, and every member comes to know their count, sum, mean, extremes, variance and
 * quantiles. In each round a member asks another, chosen at random, to meet half way; the gap between any two falls
 * by about 1.8 a round.
 *
 * No packet that is lost, late or doubled loses or makes anything. The asker sends its share; the asked moves itself half way
 * and answers with what the asker lacks. Nothing has happened when the question was lost. When the answer was, the asker
 * asks again under the same number and is given the same answer, since the asked remembers it as long as the epoch; and
 * the asker takes it once. What the asker did meanwhile does not matter: it adds a difference, it does not set a value.
 * Only a member that dies takes something along; see `aggregate-share.ts` for what that does to whom.
 *
 * Epochs make it follow. After so many rounds all start anew from their values of that moment, and a message of a higher
 * epoch carries the receiver over. A member that comes in the middle waits for the next; what it has meanwhile is the last
 * result of others, that is, none.
 *
 *     waiting -- a higher epoch is heard, or the present one should be over --> taking part -- its end --> taking part
 *        ^---- an epoch that is well under way is heard: too late to take part ----'
 *
 * What a forged packet can do: a share that is none moves the estimates of the epoch under way, as far as `least` and
 * `greatest` let it; the next begins without it. An epoch that is none moves nobody: see `aggregate-epochs.ts`.
 *
 * Sources: Jelasity, Montresor, Babaoglu, Gossip-based aggregation in large dynamic networks, 2005. The exchange that may be
 * repeated is ours: theirs must not be cut in half.
 */
import type { Rng } from "@hearsay/core";
import { type AggregateMessage, encodeAggregateMessage } from "./aggregate-codec.ts";
import { type AggregateEstimate, type AggregateSettings, maxValue } from "./aggregate-config.ts";
import { EpochClaims, nextEpoch } from "./aggregate-epochs.ts";
import { GapMeter, type Outcome, outcomeOf } from "./aggregate-estimate.ts";
import { isPlausible, isPlausibleLack } from "./aggregate-plausible.ts";
import { leadersWanted, Share, type ShareMessage } from "./aggregate-share.ts";

/** Whom we may ask: live members that speak this, without ourselves. */
export interface AggregatePeers {
  count(): number;
  /** One at random, each with the same chance; undefined when there are none. */
  pick(rng: Rng): string | undefined;
}

export interface AggregatePacket {
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** What came and had no effect, and what was given up. */
export interface AggregateStats {
  /** Exchanges done, as the asker and as the asked. */
  exchanges: number;
  repeated: number;
  /** Answers to nothing that we ask, questions older than one answered. */
  stale: number;
  /** Messages of epochs further ahead than can be. */
  leaps: number;
  /** Messages of epochs ahead that nobody else has told of yet. */
  unconfirmed: number;
  /** Shares of values beyond what they may be here. */
  implausible: number;
  /** Answers forgotten before the epoch's end for want of room: a repeated question may then count double. */
  forgotten: number;
  /** Rounds in which no exchange was started, since too many were under way. */
  held: number;
  /** Epochs for which our source had no value between `least` and `greatest`, of a size below 10^140. */
  valueless: number;
}

/** Rounds that a newcomer listens before it takes itself for the first. */
const quietRounds = 5;
/** Peers it asks for the present epoch in each of them: with a tenth of packets lost, one in 10^7 hears nothing. */
const greetings = 2;
/** Rounds that it listens on when one has told of an epoch: another will. */
const doubtRounds = 3;
/** Rounds that it waits beyond the end of an epoch it only heard of. */
const slackRounds = 2;
/** Up to this part of an epoch one may still join it. */
const joinShare = 0.2;
const maxRemembered = 1_024;

export class Aggregate {
  readonly name: string;
  readonly settings: AggregateSettings;
  readonly stats: AggregateStats = {
    exchanges: 0,
    repeated: 0,
    stale: 0,
    leaps: 0,
    unconfirmed: 0,
    implausible: 0,
    forgotten: 0,
    held: 0,
    valueless: 0,
  };
  readonly #source: () => number | undefined;
  readonly #peers: AggregatePeers;
  readonly #send: (packet: AggregatePacket) => void;
  readonly #rng: Rng;
  readonly #shareRng: Rng;
  /** 0: none heard of yet. */
  #epoch = 0;
  #epochAt: number;
  #epochEndsAt: number;
  readonly #claims: EpochClaims;
  #doubted = false;
  /** The most members that there were in this epoch, as far as we know: ourselves too. */
  #members = 1;
  #nextRoundAt: number;
  /** Undefined while waiting. */
  #share: Share | undefined;
  #exchanges = 0;
  #gone = 0;
  #gaps = new GapMeter();
  #nextExchange: number;
  readonly #pending = new Map<string, { readonly exchange: number; retryAt: number; tries: number }>();
  readonly #answers = new Map<string, { readonly exchange: number; readonly bytes: Uint8Array }>();
  #last: Outcome | undefined;

  /** @param settings complete ones: see `aggregateSettings`. `Aggregates` is what makes these. */
  constructor(
    name: string,
    source: () => number | undefined,
    peers: AggregatePeers,
    send: (packet: AggregatePacket) => void,
    rng: Rng,
    now: number,
    settings: AggregateSettings,
  ) {
    this.name = name;
    this.settings = settings;
    this.#source = source;
    this.#peers = peers;
    this.#send = send;
    this.#rng = rng.fork("aggregate");
    this.#shareRng = rng.fork("aggregate-share");
    // Numbers of an earlier life of ours must not be met again.
    this.#nextExchange = this.#rng.uint32() * 2 ** 12;
    this.#claims = new EpochClaims(settings.roundMs, settings.epochRounds);
    this.#epochAt = now;
    this.#epochEndsAt = now + settings.roundMs * (quietRounds + this.#rng.float());
    this.#nextRoundAt = now + settings.roundMs * this.#rng.float();
  }

  get epoch(): number {
    return this.#epoch;
  }

  get takesPart(): boolean {
    return this.#share !== undefined;
  }

  /** Changes with each call of a handle method. */
  nextDeadline(): number {
    const rounds = this.#share !== undefined || this.#epoch === 0;
    let at = Math.min(this.#epochEndsAt, rounds ? this.#nextRoundAt : Number.POSITIVE_INFINITY);
    for (const { retryAt } of this.#pending.values()) at = Math.min(at, retryAt);
    return at;
  }

  handleTimeout(now: number): void {
    if (now >= this.#epochEndsAt) this.#onEnd(now);
    if (this.#epoch === 0) this.#greet(now);
    if (!this.#share) return;
    for (const [peer, pending] of this.#pending) {
      if (now < pending.retryAt) continue;
      pending.retryAt = now + this.#retryMs(++pending.tries);
      this.stats.repeated++;
      this.#tell(peer, "ask", pending.exchange, now, this.#share);
    }
    if (now < this.#nextRoundAt) return;
    this.#nextRoundAt = now + this.#rng.jitter(this.settings.roundMs, 0.1);
    this.#ask(this.#share, now);
  }

  handleMessage(from: string, message: AggregateMessage, now: number): void {
    if (message.epoch !== this.#epoch && !this.#hear(from, message, now)) return;
    if (message.type === "hello") {
      if (this.#epoch > 0) this.#tell(from, "ahead", message.exchange, now);
    } else if (message.type === "ask") this.#onAsk(from, message.epoch, message.exchange, message.share, now);
    else if (message.epoch === this.#epoch) this.#onAnswer(from, message);
  }

  /** The member is no more: what is under way with it will not be answered. */
  handleGone(name: string): void {
    this.#pending.delete(name);
    this.#gone++;
  }

  /** The best there is: of the epoch under way once it is exact enough, else of the last. Undefined before the first. */
  estimate(now: number): AggregateEstimate | undefined {
    const present = this.present(now);
    const ready = present && Math.max(present.meanError, present.countError) <= this.settings.readyError;
    return ready || !this.#last ? present : { ...this.#last.estimate, ageMs: now - this.#last.at };
  }

  /** Of the epoch under way; undefined while waiting for one. */
  present(now: number): AggregateEstimate | undefined {
    return this.#share && { ...this.#outcome(this.#share, false).estimate, ageMs: now - this.#epochAt };
  }

  #outcome(share: Share, finished: boolean): Outcome {
    const alone = this.#peers.count() === 0 && this.#exchanges === 0;
    return outcomeOf(share, {
      epoch: this.#epoch,
      at: this.#epochAt,
      finished,
      exchanges: this.#exchanges,
      gone: this.#gone,
      members: this.#members,
      gaps: alone ? undefined : this.#gaps,
    });
  }

  #begin(epoch: number, ageMs: number, now: number): void {
    // One that was cut short says little; the one before is older and better.
    if (this.#share && now - this.#epochAt >= (this.settings.epochRounds * this.settings.roundMs) / 2)
      this.#last = this.#outcome(this.#share, true);
    this.#enter(epoch, ageMs, now);
    const value = this.#source();
    const { least, greatest } = this.settings;
    if (value === undefined || !(Math.abs(value) < maxValue && value >= least && value <= greatest)) {
      this.stats.valueless++;
      return;
    }
    const leads = leadersWanted / (this.#peers.count() + 1);
    this.#share = new Share(value, leads, this.#shareRng, this.settings.maxBuckets, this.settings.extrema);
  }

  #enter(epoch: number, ageMs: number, now: number): void {
    this.#epoch = epoch;
    this.#epochAt = now - ageMs;
    this.#epochEndsAt = this.#epochAt + this.settings.epochRounds * this.settings.roundMs;
    this.#share = undefined;
    this.#exchanges = 0;
    this.#gone = 0;
    this.#members = this.#peers.count() + 1;
    this.#claims.clear();
    this.#gaps = new GapMeter();
    this.#pending.clear();
    this.#answers.clear();
  }

  #onEnd(now: number): void {
    if (this.#epoch === 0 && this.#claims.any && !this.#doubted) {
      this.#doubted = true;
      this.#epochEndsAt = now + doubtRounds * this.settings.roundMs;
    } else this.#begin(nextEpoch(this.#epoch), 0, now);
  }

  /** Of another epoch than ours. False when the message is of one that we do not go to, and not behind us. */
  #hear(from: string, { epoch, ageMs }: AggregateMessage, now: number): boolean {
    const alone = this.#exchanges === 0;
    const outcome = this.#claims.hear(
      { from, epoch, ageMs },
      { epoch: this.#epoch, endsAt: this.#epochEndsAt, alone },
      now,
    );
    if (outcome === "believed") this.#follow(epoch, ageMs, now);
    else if (outcome === "leap") this.stats.leaps++;
    else if (outcome === "unconfirmed") this.stats.unconfirmed++;
    // One behind us is told where we are, also when it is so far away that it might be us who are wrong.
    return epoch <= this.#epoch;
  }

  /** Goes to another epoch, to take part if it is young. */
  #follow(epoch: number, ageMs: number, now: number): void {
    const lengthMs = this.settings.epochRounds * this.settings.roundMs;
    if (ageMs <= joinShare * lengthMs) {
      this.#begin(epoch, ageMs, now);
      return;
    }
    this.#enter(epoch, Math.min(ageMs, lengthMs), now);
    this.#epochEndsAt += this.settings.roundMs * (slackRounds + this.#rng.float());
  }

  /**
   * A newcomer that waited to be asked would now and then not be, take itself for the first, and come late into an epoch with
   * a whole weight.
   */
  #greet(now: number): void {
    if (now < this.#nextRoundAt) return;
    this.#nextRoundAt = now + this.#rng.jitter(this.settings.roundMs, 0.1);
    for (let i = 0; i < greetings; i++) {
      const peer = this.#peers.pick(this.#rng);
      if (peer !== undefined) this.#tell(peer, "hello", 0, now);
    }
  }

  #ask(share: Share, now: number): void {
    if (this.#pending.size >= this.settings.maxPending) {
      this.stats.held++;
      return;
    }
    const peer = this.#peers.pick(this.#rng);
    // One at a time with each: so the last answer is all that it must remember.
    if (peer === undefined || this.#pending.has(peer)) return;
    const exchange = this.#nextExchange++;
    this.#pending.set(peer, { exchange, retryAt: now + this.#retryMs(0), tries: 0 });
    this.#tell(peer, "ask", exchange, now, share);
  }

  /** A quarter of a round, and double that each time up to four rounds. */
  #retryMs(tries: number): number {
    return this.settings.roundMs * Math.min(4, 0.25 * 2 ** tries);
  }

  #onAsk(from: string, epoch: number, exchange: number, share: ShareMessage, now: number): void {
    if (epoch < this.#epoch || !this.#share) {
      this.#tell(from, epoch < this.#epoch ? "ahead" : "busy", exchange, now);
      return;
    }
    if (!isPlausible(share, this.settings)) {
      this.stats.implausible++;
      return;
    }
    const answered = this.#answers.get(from);
    if (answered && answered.exchange > exchange) {
      this.stats.stale++;
      return;
    }
    if (answered?.exchange === exchange) {
      this.#send({ to: from, bytes: answered.bytes });
      return;
    }
    this.#gaps.before(this.#share);
    const lack = this.#share.meet(share);
    this.#counted(this.#share);
    const { name, epoch: present } = this;
    const head = { name, epoch: present, ageMs: Math.max(0, now - this.#epochAt), exchange };
    const bytes = encodeAggregateMessage({ type: "answer", ...head, share: lack });
    this.#answers.delete(from);
    if (this.#answers.size >= maxRemembered) this.#forgetOne();
    this.#answers.set(from, { exchange, bytes });
    this.#send({ to: from, bytes });
  }

  #onAnswer(from: string, { type, exchange, share }: AggregateMessage): void {
    if (this.#pending.get(from)?.exchange !== exchange) {
      this.stats.stale++;
      return;
    }
    this.#pending.delete(from);
    if (type !== "answer" || !this.#share) return;
    if (!isPlausibleLack(share, this.settings)) {
      this.stats.implausible++;
      return;
    }
    this.#gaps.before(this.#share);
    this.#share.take(share);
    this.#counted(this.#share);
  }

  #counted(share: Share): void {
    this.#members = Math.max(this.#members, this.#peers.count() + 1);
    this.#gaps.after(share);
    this.#exchanges++;
    this.stats.exchanges++;
  }

  #forgetOne(): void {
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      this.stats.forgotten++;
      return;
    }
  }

  #tell(to: string, type: "ask" | "busy" | "ahead" | "hello", exchange: number, now: number, share?: Share): void {
    const head = { name: this.name, epoch: this.#epoch, ageMs: Math.max(0, now - this.#epochAt), exchange };
    if (type === "ask") this.#send({ to, bytes: encodeAggregateMessage({ type, ...head, share: share! }) });
    else this.#send({ to, bytes: encodeAggregateMessage({ type, ...head }) });
  }
}
