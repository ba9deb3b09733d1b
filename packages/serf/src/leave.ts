/**
 * Leaving in peace (serf protocol notes, section 7.8), as a sequence of waits:
 *
 *   intent: say so to Serf peers ──▶ detector: say so to the detector's ──▶ linger: go on answering ──▶ done
 *
 * The intent goes first: a peer that learns of the end without it calls the node failed. Each wait has an end, so a
 * node that nobody hears still leaves. When nobody is there, nothing is waited for.
 */
export type LeavePhase = "none" | "intent" | "detector" | "linger" | "done";

export interface LeaveActions {
  /** Queues the leave intent; the id is reported when it has been spread. */
  broadcastIntent(now: number): number;
  /** Makes the detector leave; `onDetectorLeft` is called when that has been spread. */
  leaveDetector(now: number): void;
  onLeft(): void;
}

export class LeaveSequence {
  readonly #actions: LeaveActions;
  readonly #broadcastTimeoutMs: number;
  readonly #lingerMs: number;
  #phase: LeavePhase = "none";
  #deadline = Number.POSITIVE_INFINITY;
  #broadcast = 0;
  #alone = false;

  constructor(actions: LeaveActions, broadcastTimeoutMs: number, lingerMs: number) {
    this.#actions = actions;
    this.#broadcastTimeoutMs = broadcastTimeoutMs;
    this.#lingerMs = lingerMs;
  }

  get phase(): LeavePhase {
    return this.#phase;
  }

  /** When the present wait ends: ms; Infinity when there is none. */
  get deadline(): number {
    return this.#deadline;
  }

  /** @param alone no other member is alive. */
  begin(alone: boolean, now: number): void {
    this.#alone = alone;
    if (alone) {
      this.#enterDetector(now);
      return;
    }
    this.#phase = "intent";
    this.#deadline = now + this.#broadcastTimeoutMs;
    this.#broadcast = this.#actions.broadcastIntent(now);
  }

  /** Any broadcast has been spread; it may be the intent. */
  onBroadcastDone(id: number, now: number): void {
    if (this.#phase === "intent" && id === this.#broadcast) this.#enterDetector(now);
  }

  onDetectorLeft(now: number): void {
    if (this.#phase === "detector") this.#enterLinger(now);
  }

  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    if (this.#phase === "intent") this.#enterDetector(now);
    else if (this.#phase === "detector") this.#enterLinger(now);
    else if (this.#phase === "linger") this.#finish();
  }

  #enterDetector(now: number): void {
    this.#phase = "detector";
    this.#deadline = now + this.#broadcastTimeoutMs;
    this.#actions.leaveDetector(now);
  }

  #enterLinger(now: number): void {
    if (this.#alone) {
      this.#finish();
      return;
    }
    this.#phase = "linger";
    this.#deadline = now + this.#lingerMs;
    // Said once more: if every copy of the intent was lost, nobody could ever tell this leave from a failure.
    this.#actions.broadcastIntent(now);
  }

  #finish(): void {
    this.#phase = "done";
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#actions.onLeft();
  }
}
