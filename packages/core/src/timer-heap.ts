/**
 * Deadlines under numbers, for the kinds of timers of which there may be many: a heap. Where a number stands is found by
 * looking while there are some hundreds, which costs less than to keep an index of places up with every move; beyond, by
 * such an index, because a peer's list may put a hundred thousand members under suspicion at once.
 */

/** An index is kept from so many timers on, until there are as few as these again. */
const indexFrom = 512;
const indexUntil = 128;

export class TimerHeap {
  readonly #deadlines: number[] = [];
  readonly #numbers: number[] = [];
  #places: Map<number, number> | undefined;

  /** ms; Infinity when no timer is set. */
  get next(): number {
    return this.#deadlines.length > 0 ? this.#deadlines[0]! : Number.POSITIVE_INFINITY;
  }

  /** Of equal deadlines the lowest number. Only when `next` is finite. */
  get firstNumber(): number {
    return this.#numbers[0]!;
  }

  get length(): number {
    return this.#deadlines.length;
  }

  get(number: number): number | undefined {
    const at = this.#find(number);
    return at < 0 ? undefined : this.#deadlines[at];
  }

  set(number: number, deadline: number): void {
    const at = this.#find(number);
    if (at < 0) {
      this.#deadlines.push(deadline);
      this.#numbers.push(number);
      if (this.#numbers.length >= indexFrom) {
        this.#places ??= new Map(Array.from(this.#numbers, (known, place) => [known, place]));
      }
      this.#up(this.#numbers.length - 1, number, deadline);
    } else if (deadline < this.#deadlines[at]!) {
      this.#up(at, number, deadline);
    } else {
      this.#down(at, number, deadline);
    }
  }

  clear(number: number): void {
    const at = this.#find(number);
    if (at < 0) return;
    if (this.#numbers.length <= indexUntil) this.#places = undefined;
    this.#places?.delete(number);
    const lastNumber = this.#numbers.pop()!;
    const lastDeadline = this.#deadlines.pop()!;
    if (at === this.#numbers.length) return;
    const parent = (at - 1) >>> 1;
    if (at > 0 && this.#isBefore(lastNumber, lastDeadline, parent)) this.#up(at, lastNumber, lastDeadline);
    else this.#down(at, lastNumber, lastDeadline);
  }

  /** All later by `ms`: the order stays. */
  postpone(ms: number): void {
    for (let at = 0; at < this.#deadlines.length; at++) this.#deadlines[at]! += ms;
  }

  #find(number: number): number {
    return this.#places === undefined ? this.#numbers.indexOf(number) : (this.#places.get(number) ?? -1);
  }

  #isBefore(number: number, deadline: number, at: number): boolean {
    const difference = deadline - this.#deadlines[at]!;
    return difference < 0 || (difference === 0 && number < this.#numbers[at]!);
  }

  #up(start: number, number: number, deadline: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(number, deadline, parent)) break;
      this.#place(at, this.#numbers[parent]!, this.#deadlines[parent]!);
      at = parent;
    }
    this.#place(at, number, deadline);
  }

  #down(start: number, number: number, deadline: number): void {
    const { length } = this.#numbers;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(this.#numbers[child + 1]!, this.#deadlines[child + 1]!, child)) child++;
      if (this.#isBefore(number, deadline, child)) break;
      this.#place(at, this.#numbers[child]!, this.#deadlines[child]!);
      at = child;
    }
    this.#place(at, number, deadline);
  }

  #place(at: number, number: number, deadline: number): void {
    this.#numbers[at] = number;
    this.#deadlines[at] = deadline;
    this.#places?.set(number, at);
  }
}
