/**
 * Deadlines under numbers, for the kinds of timers of which there may be many: a heap. Where a number stands is found by
 * looking: there are hundreds at most times, and an index of places, kept up with every move, costs more than that.
 */
export class TimerHeap {
  readonly #deadlines: number[] = [];
  readonly #numbers: number[] = [];

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
    const at = this.#numbers.indexOf(number);
    return at < 0 ? undefined : this.#deadlines[at];
  }

  set(number: number, deadline: number): void {
    const at = this.#numbers.indexOf(number);
    if (at < 0) {
      this.#deadlines.push(deadline);
      this.#numbers.push(number);
      this.#up(this.#numbers.length - 1, number, deadline);
    } else if (deadline < this.#deadlines[at]!) {
      this.#up(at, number, deadline);
    } else {
      this.#down(at, number, deadline);
    }
  }

  clear(number: number): void {
    const at = this.#numbers.indexOf(number);
    if (at < 0) return;
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
  }
}
