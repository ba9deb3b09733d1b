/**
 * Timers are data: deadlines in a heap, each under a key of kind and number. Setting again replaces, so there are no
 * handles to cancel. Equal deadlines fire by kind (the order of `TimerKind`), then by number: a history is a function of
 * its seed.
 */

/** What a deadline is for. The order decides between equal deadlines. */
export const TimerKind = {
  /** The direct ping's time is up: ask others. */
  probeTimeout: 0,
  /** The whole probe's time is up: verdict. */
  probeEnd: 1,
  /** A ping on behalf of somebody else: nack. Number: the relay's own seqNo. */
  relay: 2,
  /** A suspect's time is up. Number: member id. */
  suspicion: 3,
  /** Next member to probe. */
  probe: 4,
  gossip: 5,
  pushPull: 6,
  settle: 7,
  reconnect: 8,
  reclaim: 9,
  leave: 10,
} as const;
export type TimerKind = (typeof TimerKind)[keyof typeof TimerKind];

const kindShift = 0x1_0000_0000;

export class TimerTable {
  readonly #deadlines: number[] = [];
  readonly #keys: number[] = [];
  readonly #positions = new Map<number, number>();

  /** ms; Infinity when no timer is set. */
  get next(): number {
    return this.#deadlines.length > 0 ? this.#deadlines[0]! : Number.POSITIVE_INFINITY;
  }

  get length(): number {
    return this.#deadlines.length;
  }

  /** The earliest of all deadlines plus what their kind allows: ms; Infinity when no timer is set. */
  latestWake(slackMs: (kind: TimerKind) => number): number {
    return this.#latestWake(0, Number.POSITIVE_INFINITY, slackMs);
  }

  /** Below a deadline that is later than the best found so far, nothing is earlier. */
  #latestWake(at: number, best: number, slackMs: (kind: TimerKind) => number): number {
    if (at >= this.#keys.length || this.#deadlines[at]! >= best) return best;
    const kind = Math.floor(this.#keys[at]! / kindShift) as TimerKind;
    const own = Math.min(best, this.#deadlines[at]! + slackMs(kind));
    return this.#latestWake(2 * at + 2, this.#latestWake(2 * at + 1, own, slackMs), slackMs);
  }

  /** @param number u32 */
  set(kind: TimerKind, number: number, deadline: number): void {
    const key = kind * kindShift + number;
    const at = this.#positions.get(key);
    if (at === undefined) {
      this.#deadlines.push(deadline);
      this.#keys.push(key);
      this.#positions.set(key, this.#keys.length - 1);
      this.#up(this.#keys.length - 1);
    } else {
      const earlier = deadline < this.#deadlines[at]!;
      this.#deadlines[at] = deadline;
      if (earlier) this.#up(at);
      else this.#down(at);
    }
  }

  get(kind: TimerKind, number = 0): number | undefined {
    const at = this.#positions.get(kind * kindShift + number);
    return at === undefined ? undefined : this.#deadlines[at];
  }

  clear(kind: TimerKind, number = 0): void {
    const at = this.#positions.get(kind * kindShift + number);
    if (at !== undefined) this.#removeAt(at);
  }

  /** Takes out the first timer due at `now` and calls `fire` with it; false when none is due. */
  fireDue(now: number, fire: (kind: TimerKind, number: number) => void): boolean {
    if (this.#deadlines.length === 0 || this.#deadlines[0]! > now) return false;
    const key = this.#keys[0]!;
    this.#removeAt(0);
    const kind = Math.floor(key / kindShift);
    fire(kind as TimerKind, key - kind * kindShift);
    return true;
  }

  /** Moves all deadlines of one kind later by `ms`. */
  postpone(kind: TimerKind, ms: number): void {
    const moved: [number, number][] = [];
    for (const [at, key] of this.#keys.entries()) {
      if (Math.floor(key / kindShift) === kind) moved.push([key - kind * kindShift, this.#deadlines[at]! + ms]);
    }
    for (const [number, deadline] of moved) this.set(kind, number, deadline);
  }

  #before(a: number, b: number): boolean {
    const difference = this.#deadlines[a]! - this.#deadlines[b]!;
    return difference < 0 || (difference === 0 && this.#keys[a]! < this.#keys[b]!);
  }

  #swap(a: number, b: number): void {
    const deadline = this.#deadlines[a]!;
    const key = this.#keys[a]!;
    this.#deadlines[a] = this.#deadlines[b]!;
    this.#keys[a] = this.#keys[b]!;
    this.#deadlines[b] = deadline;
    this.#keys[b] = key;
    this.#positions.set(this.#keys[a]!, a);
    this.#positions.set(key, b);
  }

  #up(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >>> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(start: number): void {
    for (let at = start; ; ) {
      const left = 2 * at + 1;
      if (left >= this.#keys.length) return;
      const right = left + 1;
      const child = right < this.#keys.length && this.#before(right, left) ? right : left;
      if (!this.#before(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #removeAt(at: number): void {
    const last = this.#keys.length - 1;
    if (at !== last) this.#swap(at, last);
    this.#positions.delete(this.#keys[last]!);
    this.#keys.pop();
    this.#deadlines.pop();
    if (at < last) {
      this.#up(at);
      this.#down(at);
    }
  }
}
