/**
 * Who has been silent for too long: a fixed timeout since the last sign of life. Whoever keeps this looks again when the
 * next member could be overdue, so a verdict comes at its very moment and looking costs next to nothing.
 */
export class Silence {
  readonly timeoutMs: number;
  /** When each was heard last: ms. */
  readonly #heard: Float64Array;

  constructor(members: number, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#heard = new Float64Array(members);
  }

  /** Everyone counts as just heard. Returns when the first could be overdue: ms. */
  begin(now: number): number {
    this.#heard.fill(now);
    return now + this.timeoutMs;
  }

  heard(member: number, now: number): void {
    this.#heard[member] = now;
  }

  /** When a member that is not heard again becomes overdue: ms. */
  dueAt(member: number): number {
    return this.#heard[member]! + this.timeoutMs;
  }

  /** Hands over each watched member that is overdue; says when the next of the others could be: ms, or Infinity. */
  check(now: number, watched: (member: number) => boolean, overdue: (member: number) => void): number {
    let next = Number.POSITIVE_INFINITY;
    for (let member = 0; member < this.#heard.length; member++) {
      if (!watched(member)) continue;
      const due = this.dueAt(member);
      if (due <= now) overdue(member);
      else if (due < next) next = due;
    }
    return next;
  }
}
