/**
 * Replicated state with a failure detector on its heartbeats. A driver drives it in the state's place where it has the same
 * verb, and asks `sweep` after each call; all else is `state`'s.
 *
 * The rhythm follows the pool: a member is expected to be heard every `heartbeatHeardMs`. A heartbeat that comes by gossip
 * may miss a node by chance, and the next one too, so arrivals have a longer tail than the normal model knows of; hence
 * the pause that is forgiven, four beats and fifteen rounds. With the defaults, at a loss of 5 %, a silence was suspected
 * after some 30 s among 10 and 47 s among 100; with `heartbeatSpread: "gossip"` after 10 and 23. In a large pool it is six
 * to seven of the intervals, which `heartbeatBudgetPerSecond` shortens.
 *
 * When this process stood still it heard nobody, and that is nobody's fault: a call that comes much later than was asked for
 * tells the detector of a pause. So does the silence of everybody at once while calls come in time: then it is our own link,
 * or whoever hands us our messages, that fails us (the slow processes of the Lifeguard paper), or we are alone. While it
 * lasts, nobody is judged here, and others may (`isDeaf`).
 */
import { type Endpoint, Fifo } from "@hearsay/core";
import { type PhiChange, PhiDetector, type PhiInspection } from "./phi.ts";
import type { PhiSettings } from "./phi-config.ts";
import type { ReplicatedState } from "./replicated-state.ts";
import type { PeerStatus, StateEvent } from "./types.ts";

/** Silence that is forgiven: so many beats, and so often what ways add to the interval. */
const pauseBeats = 4;
const pauseWays = 10;
/** All are judged at most so often: ms. */
const sweepIntervalMs = 250;
/** And so much later than there is reason to, so that a sweep goes along with something else: ms. */
const sweepPatienceMs = 100;
/**
 * All are silent for so long: it is us. In beats as they are heard; of fewer members than this, all may well be silent. Cut
 * off with one other among many, whom gossip seldom chooses, we may take ourselves for deaf, too: then others judge.
 */
const deafBeats = 2;
const leastHeard = 3;
/** A call so much later than was asked for, by the latest: this process stood still. ms */
const lateMs = 200;

export class HeartbeatWatch {
  readonly state: ReplicatedState;
  readonly #detector: PhiDetector;
  /** Set by the user, or following the rhythm. */
  readonly #pauseMs: number | undefined;
  /** Who is watched, and the life that was heard of last; 0 for none yet. */
  readonly #members = new Map<string, number>();
  readonly #suspects = new Set<string>();
  /** Suspects that were heard since the last sweep. */
  readonly #cleared = new Fifo<PhiChange>();
  #rhythmMs = 0;
  /** When anybody was heard last. */
  #heardAt = Number.POSITIVE_INFINITY;
  #calledAt = Number.NEGATIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #sweepAt = Number.POSITIVE_INFINITY;

  /**
   * Throws a RangeError on settings out of range.
   * @param settings of the detector; `expectedIntervalMs` is the state's
   */
  constructor(state: ReplicatedState, settings: Partial<Omit<PhiSettings, "expectedIntervalMs">> = {}) {
    this.state = state;
    this.#detector = new PhiDetector(settings);
    this.#pauseMs = settings.acceptablePauseMs;
  }

  // The state's verbs

  start(now: number, wallMs: number): void {
    this.state.start(now, wallMs);
    this.#calledAt = now;
  }

  setPeer(name: string, endpoint: Endpoint, status: PeerStatus, now: number): void {
    this.state.setPeer(name, endpoint, status, now);
    if (status === "dead") this.#forget(name);
    else if (name !== this.state.name && !this.#members.has(name)) this.#members.set(name, 0);
  }

  removePeer(name: string): void {
    this.state.removePeer(name);
    this.#forget(name);
  }

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.#note(now);
    this.state.handlePacket(from, bytes, now);
  }

  handleTimeout(now: number): void {
    this.#note(now);
    this.state.handleTimeout(now);
  }

  /** To be drained after each call, as always: a heartbeat is taken to have come with the latest. */
  pollEvent(): StateEvent | undefined {
    const event = this.state.pollEvent();
    if (event?.type === "heartbeat") this.#onHeartbeat(event.owner, event.generation);
    return event;
  }

  /** Monotonic ms of the next thing to do, of the state or of a sweep. */
  nextDeadline(): number {
    return Math.min(this.state.nextDeadline(), this.#sweepAt);
  }

  /** Until when that may be put off. @param slackMs see `ReplicatedState.latestWake` */
  latestWake(slackMs: number): number {
    return Math.min(this.state.latestWake(slackMs), this.#sweepAt + sweepPatienceMs);
  }

  // The detector's

  /** How strongly the member's silence speaks for its death; 0 of one that was never heard. */
  phi(name: string, now: number): number {
    return this.#detector.phi(name, now);
  }

  inspect(name: string, now: number): PhiInspection | undefined {
    return this.#detector.inspect(name, now);
  }

  /** Whether everybody is silent, so that it must be us: nobody is judged here for now. */
  isDeaf(now: number): boolean {
    return this.#detector.size >= leastHeard && now - this.#heardAt > deafBeats * this.#rhythmMs;
  }

  /** Who has become suspected, and who no longer is, since the last call. All are judged only when somebody may have. */
  sweep(now: number): PhiChange[] {
    this.#note(now);
    const changes: PhiChange[] = [];
    for (let change = this.#cleared.shift(); change !== undefined; change = this.#cleared.shift()) changes.push(change);
    if (now < this.#sweepAt) return changes;
    if (this.isDeaf(now)) {
      this.#sweepAt = now + sweepIntervalMs;
      return changes;
    }
    for (const change of this.#detector.sweep(now)) {
      changes.push(change);
      if (change.suspected) this.#suspects.add(change.name);
      else this.#suspects.delete(change.name);
    }
    this.#sweptAt = now;
    this.#sweepAt = Number.POSITIVE_INFINITY;
    for (const name of this.#members.keys()) this.#sweepBy(this.#detector.suspectAt(name));
    return changes;
  }

  // Within

  #onHeartbeat(name: string, generation: number): void {
    const former = this.#members.get(name);
    // Dead or unknown here: others' news of it is not ours to judge.
    if (former === undefined) return;
    if (this.isDeaf(this.#calledAt)) this.#detector.localPause(this.#calledAt - this.#heardAt, this.#calledAt);
    this.#heardAt = this.#calledAt;
    if (this.#suspects.delete(name)) this.#cleared.push({ name, suspected: false, phi: 0 });
    if (former !== generation) {
      this.#members.set(name, generation);
      this.#detector.forget(name);
    }
    this.#detector.heartbeat(name, this.#calledAt);
    this.#sweepBy(this.#detector.suspectAt(name));
  }

  #forget(name: string): void {
    this.#members.delete(name);
    this.#suspects.delete(name);
    this.#detector.forget(name);
  }

  /** What each call with a time begins with. */
  #note(now: number): void {
    const sinceMs = now - this.#calledAt;
    // Before the first call there was no time to stand still in.
    if (Number.isFinite(sinceMs) && sinceMs > lateMs && now - this.latestWake(0) > lateMs) {
      // From the last call on, since nobody knows when in between it began.
      this.#detector.localPause(sinceMs, now);
      if (this.#suspects.size > 0) this.#sweepBy(now);
    }
    this.#calledAt = Math.max(this.#calledAt, now);
    this.#followRhythm();
  }

  #followRhythm(): void {
    const { heartbeatHeardMs: heardMs, heartbeatEveryMs: everyMs } = this.state;
    if (heardMs === this.#rhythmMs || heardMs === 0) return;
    this.#rhythmMs = heardMs;
    this.#detector.expect(heardMs, this.#pauseMs ?? pauseBeats * everyMs + pauseWays * (heardMs - everyMs));
  }

  #sweepBy(at: number): void {
    this.#sweepAt = Math.min(this.#sweepAt, Math.max(at, this.#sweptAt + sweepIntervalMs));
  }
}
