/**
 * Phi accrual: how strongly a member's silence speaks for its death, as a number that grows, judged by the rhythm its
 * heartbeats have had. Not a protocol: whoever carries heartbeats tells of them here and asks.
 *
 * What decides its quality is what it does not learn from. The silence that ends an outage is none of the member's rhythm;
 * nor is what arrived in a heap after this process itself had stood still. A rhythm that did change is believed after
 * some outages in a row. A wrong suspicion raises that member's threshold, and a full window of heartbeats takes that back.
 * Sources: Hayashibara et al. 2004; the detectors of Cassandra, Akka and chitchat for what goes wrong in practice.
 */
import { type PhiSettings, phiSettings } from "./phi-config.ts";
import { deviationsForPhi, phiOfExponential, phiOfNormal } from "./phi-tail.ts";
import { IntervalWindows } from "./phi-window.ts";

/**
 * What became of a heartbeat. "first": the member is new. "learnt": its interval is in the window. "outage": the member had
 * been silent so long that the interval was left out. "relearnt": the last of several, the window starts anew from it.
 * "settling": too soon after a pause of our own to learn anything. "refused": `maxMembers` are watched already, nothing
 * was done.
 */
export type HeartbeatOutcome = "first" | "learnt" | "outage" | "relearnt" | "settling" | "refused";

export interface PhiChange {
  readonly name: string;
  readonly suspected: boolean;
  readonly phi: number;
}

export interface PhiInspection {
  readonly phi: number;
  readonly suspected: boolean;
  /** The member's own threshold at present. */
  readonly suspectPhi: number;
  readonly samples: number;
  readonly meanMs: number;
  /** With the floor applied. */
  readonly deviationMs: number;
  readonly silentMs: number;
}

/** A rhythm that grows by more than this share makes the windows start anew. */
const growthShare = 0.25;
/** The longest rhythm: ms, so that its seeds are within what a window holds. */
const maxRhythmMs = 400_000;
/** Intervals are learnt up to so many of the rhythm, and no longer than a window holds: ms. */
const maxIntervals = 8;
const maxWindowMs = 524_287;

export class PhiDetector {
  readonly settings: PhiSettings;
  readonly #rows = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #windows: IntervalWindows;
  #capacity = 0;
  /** ms: when last heard, moved on by pauses of our own. */
  #heardAt = new Float64Array(0);
  #thresholds = new Float32Array(0);
  #suspected = new Uint8Array(0);
  #outages = new Uint8Array(0);
  /** Heartbeats since the threshold last moved. */
  #steady = new Uint16Array(0);
  /** What newcomers are judged by, the pause that is forgiven, and the rhythm under which the windows began: ms. */
  #expectedMs: number;
  #acceptablePauseMs: number;
  #seededMs: number;
  /** Until then nobody is suspected and nothing learnt. */
  #settledAt = Number.NEGATIVE_INFINITY;
  /** Deviations of the thresholds asked for: there are few different ones. */
  readonly #deviations = new Map<number, number>();

  /** Throws a RangeError on settings out of range. */
  constructor(settings: Partial<PhiSettings> = {}) {
    this.settings = phiSettings(settings);
    this.#windows = new IntervalWindows(this.settings.windowSamples);
    this.#expectedMs = this.settings.expectedIntervalMs;
    this.#acceptablePauseMs = this.settings.acceptablePauseMs;
    this.#seededMs = this.#expectedMs;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** A heartbeat of `name` has come (ms, as all times here). Times of one member that go back count as no interval. */
  heartbeat(name: string, now: number): HeartbeatOutcome {
    const row = this.#rows.get(name);
    if (row === undefined) return this.#admit(name, now);
    const intervalMs = Math.max(0, now - this.#heardAt[row]!);
    // Judged before the arrival changes what it is judged by.
    const phi = this.#phiOf(row, now);
    this.#heardAt[row] = Math.max(now, this.#heardAt[row]!);
    const wronged = this.#suspected[row] === 1;
    if (wronged) this.#raise(row);
    this.#suspected[row] = 0;
    if (now < this.#settledAt) return "settling";
    if (!wronged && phi < this.#thresholds[row]! && intervalMs <= this.#maxIntervalMs) {
      this.#outages[row] = 0;
      this.#windows.push(row, intervalMs);
      this.#calm(row);
      return "learnt";
    }
    if (++this.#outages[row]! < this.settings.relearnAfter) return "outage";
    this.#seed(row, Math.min(intervalMs, this.#maxIntervalMs));
    return "relearnt";
  }

  /** 0 of a member that is not watched: nothing is held against it. */
  phi(name: string, now: number): number {
    const row = this.#rows.get(name);
    return row === undefined ? 0 : this.#phiOf(row, now);
  }

  /** The verdict at this moment, with hysteresis; it changes only here, in `sweep` and by a heartbeat. */
  suspected(name: string, now: number): boolean {
    const row = this.#rows.get(name);
    return row !== undefined && this.#judge(row, this.#phiOf(row, now), now);
  }

  /** Judges everybody and returns those whose verdict changed, in the order they were first heard. */
  sweep(now: number): PhiChange[] {
    const changes: PhiChange[] = [];
    for (const [name, row] of this.#rows) {
      const before = this.#suspected[row] === 1;
      const phi = this.#phiOf(row, now);
      const suspected = this.#judge(row, phi, now);
      if (suspected !== before) changes.push({ name, suspected, phi });
    }
    return changes;
  }

  /**
   * When the member will be suspected if it stays silent, ms; Infinity when it is suspected already or not watched. Changes
   * with each heartbeat and pause.
   */
  suspectAt(name: string): number {
    const row = this.#rows.get(name);
    if (row === undefined || this.#suspected[row] === 1) return Number.POSITIVE_INFINITY;
    const threshold = this.#thresholds[row]!;
    const meanMs = this.#meanMs(row);
    const silentMs =
      this.settings.model === "exponential"
        ? threshold * Math.LN10 * meanMs
        : meanMs + this.#deviationMs(row) * this.#deviationsFor(threshold);
    // A thousandth later, since the way back from the sum may lose the last bits.
    return Math.max(this.#settledAt, this.#heardAt[row]! + Math.max(0, silentMs) + 0.001);
  }

  /**
   * This process did not run for the `ms` before `now`. That time is held against nobody, and after a long pause all
   * judgement waits a little. Best told before the packets are handed on that had waited meanwhile.
   */
  localPause(ms: number, now: number): void {
    if (!(ms > 0)) return;
    const since = now - ms;
    for (const row of this.#rows.values()) if (this.#heardAt[row]! <= since) this.#heardAt[row]! += ms;
    if (ms >= this.settings.pauseMs) this.#settledAt = Math.max(this.#settledAt, now + this.settings.settleMs);
  }

  /**
   * Everybody's rhythm has changed, in place of `expectedIntervalMs` and `acceptablePauseMs`. A slower one would be taken
   * for silence, so unless it is slower by little, all windows start anew from it; a faster one is learnt. Who is suspected
   * stays so. Throws a RangeError, before anything changed.
   * @param intervalMs 0.125 and more; taken for 400,000 beyond
   * @param pauseMs silence that is forgiven, 0 and more
   */
  expect(intervalMs: number, pauseMs: number): void {
    if (!(intervalMs >= 0.125) || !(pauseMs >= 0))
      throw new RangeError(`phi: a rhythm of ${intervalMs} ms with a pause of ${pauseMs} ms`);
    this.#expectedMs = Math.min(intervalMs, maxRhythmMs);
    this.#acceptablePauseMs = pauseMs;
    if (this.#expectedMs > this.#seededMs * (1 + growthShare)) {
      this.#seededMs = this.#expectedMs;
      for (const row of this.#rows.values()) if (this.#suspected[row] === 0) this.#seed(row, this.#expectedMs);
    } else this.#seededMs = Math.min(this.#seededMs, this.#expectedMs);
  }

  /** The member is no more, or starts a new life: its past is not judged by again. */
  forget(name: string): boolean {
    const row = this.#rows.get(name);
    if (row === undefined) return false;
    this.#rows.delete(name);
    this.#free.push(row);
    return true;
  }

  inspect(name: string, now: number): PhiInspection | undefined {
    const row = this.#rows.get(name);
    if (row === undefined) return undefined;
    return {
      phi: this.#phiOf(row, now),
      suspected: this.#suspected[row] === 1,
      suspectPhi: this.#thresholds[row]!,
      samples: this.#windows.count(row),
      meanMs: this.#windows.mean(row),
      deviationMs: this.#deviationMs(row),
      silentMs: Math.max(0, now - this.#heardAt[row]!),
    };
  }

  /** Bytes of the columns for one member, its name not counted. */
  get memberBytes(): number {
    return this.#windows.rowBytes + 16;
  }

  #admit(name: string, now: number): HeartbeatOutcome {
    if (this.#rows.size >= this.settings.maxMembers) return "refused";
    const row = this.#free.pop() ?? this.#rows.size;
    if (row >= this.#capacity) this.#grow();
    this.#rows.set(name, row);
    this.#heardAt[row] = now;
    this.#thresholds[row] = this.settings.suspectPhi;
    this.#suspected[row] = 0;
    this.#steady[row] = 0;
    this.#seed(row, this.#expectedMs);
    return "first";
  }

  /** Two samples around the interval: so that a member heard once can still be convicted, and not at its first delay. */
  #seed(row: number, intervalMs: number): void {
    this.#windows.clear(row);
    this.#windows.push(row, intervalMs * 0.75);
    this.#windows.push(row, intervalMs * 1.25);
    this.#outages[row] = 0;
  }

  #phiOf(row: number, now: number): number {
    const silentMs = Math.max(0, now - this.#heardAt[row]!);
    const meanMs = this.#meanMs(row);
    if (this.settings.model === "exponential") return phiOfExponential(silentMs / meanMs);
    return phiOfNormal((silentMs - meanMs) / this.#deviationMs(row));
  }

  /** With the pause that is forgiven. An eighth of a millisecond at least, which is what an interval is counted in. */
  #meanMs(row: number): number {
    return Math.max(0.125, this.#windows.mean(row)) + this.#acceptablePauseMs;
  }

  get #maxIntervalMs(): number {
    // A setting for one rhythm must not keep a slower one from being learnt.
    const { expectedIntervalMs, maxIntervalMs } = this.settings;
    if (this.#expectedMs <= expectedIntervalMs) return maxIntervalMs;
    return Math.min(maxWindowMs, Math.max(maxIntervalMs, maxIntervals * this.#expectedMs));
  }

  #deviationMs(row: number): number {
    return Math.max(this.settings.minDeviationMs, this.#windows.deviation(row));
  }

  #judge(row: number, phi: number, now: number): boolean {
    if (this.#suspected[row] === 1) {
      if (phi < this.settings.trustPhi) this.#suspected[row] = 0;
    } else if (phi >= this.#thresholds[row]! && now >= this.#settledAt) this.#suspected[row] = 1;
    return this.#suspected[row] === 1;
  }

  #raise(row: number): void {
    this.#thresholds[row] = Math.min(this.settings.maxSuspectPhi, this.#thresholds[row]! + this.settings.raisePhi);
    this.#steady[row] = 0;
  }

  #calm(row: number): void {
    if (this.#thresholds[row]! <= this.settings.suspectPhi) return;
    if (++this.#steady[row]! < this.settings.windowSamples) return;
    this.#steady[row] = 0;
    this.#thresholds[row] = Math.max(this.settings.suspectPhi, this.#thresholds[row]! - this.settings.raisePhi);
  }

  #deviationsFor(threshold: number): number {
    let deviations = this.#deviations.get(threshold);
    if (deviations === undefined) {
      deviations = deviationsForPhi(threshold);
      if (this.#deviations.size >= 64) this.#deviations.clear();
      this.#deviations.set(threshold, deviations);
    }
    return deviations;
  }

  #grow(): void {
    const capacity = Math.max(16, this.#capacity * 2);
    const heardAt = this.#heardAt;
    const thresholds = this.#thresholds;
    const suspected = this.#suspected;
    const outages = this.#outages;
    const steady = this.#steady;
    (this.#heardAt = new Float64Array(capacity)).set(heardAt);
    (this.#thresholds = new Float32Array(capacity)).set(thresholds);
    (this.#suspected = new Uint8Array(capacity)).set(suspected);
    (this.#outages = new Uint8Array(capacity)).set(outages);
    (this.#steady = new Uint16Array(capacity)).set(steady);
    this.#windows.grow(capacity);
    this.#capacity = capacity;
  }
}
