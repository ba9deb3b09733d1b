/** Events for a reader who takes them when it likes: a bounded buffer that drops the oldest and says how many. */

export const EVENT_BUFFER = 1024;

/** Events kept by what they weigh, too, for those that hold much. */
export interface EventWeights<T> {
  /** Bytes, about. */
  readonly of: (event: T) => number;
  /** Of all that wait; one always may. */
  readonly limit: number;
}

export class EventStream<T extends object> implements AsyncIterableIterator<T & { readonly dropped: number }> {
  readonly #buffer: T[] = [];
  readonly #limit: number;
  readonly #weights: EventWeights<T> | undefined;
  /** Called once when nobody reads any more. */
  readonly #onEnd: () => void;
  #head = 0;
  #weight = 0;
  #dropped = 0;
  #ended = false;
  /** Readers waiting for an event; nearly always none or one. */
  readonly #waiting: ((result: IteratorResult<T & { readonly dropped: number }>) => void)[] = [];

  constructor(onEnd: () => void, limit = EVENT_BUFFER, weights: EventWeights<T> | undefined = undefined) {
    this.#onEnd = onEnd;
    this.#limit = limit;
    this.#weights = weights;
  }

  push(event: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting({ done: false, value: { ...event, dropped: this.#dropped } });
      this.#dropped = 0;
      return;
    }
    this.#buffer.push(event);
    this.#weight += this.#weights?.of(event) ?? 0;
    while (this.#isOver) {
      this.#takeOldest();
      this.#dropped++;
    }
  }

  get #isOver(): boolean {
    const waiting = this.#buffer.length - this.#head;
    return waiting > this.#limit || (waiting > 1 && this.#weight > (this.#weights?.limit ?? 0));
  }

  #takeOldest(): T {
    const event = this.#buffer[this.#head++]!;
    this.#weight -= this.#weights?.of(event) ?? 0;
    // Those taken stay until there are as many as may wait, so that each costs little; what is heavy goes at once.
    if (this.#head === this.#buffer.length || this.#head > this.#limit || this.#weights) {
      this.#buffer.splice(0, this.#head);
      this.#head = 0;
    }
    return event;
  }

  /** Counts events that were lost before they came here. */
  skip(count: number): void {
    this.#dropped += count;
  }

  /** No more events will come; what is buffered can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T & { readonly dropped: number }>> {
    if (this.#head < this.#buffer.length) {
      const event = this.#takeOldest();
      const dropped = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: { ...event, dropped } });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The reader has had enough (`break`). */
  return(): Promise<IteratorResult<T & { readonly dropped: number }>> {
    this.#buffer.length = 0;
    this.#head = 0;
    this.#weight = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The streams of one node. */
export class EventStreams<T extends object> {
  readonly #streams = new Set<EventStream<T>>();
  #closed = false;

  /** A stream of events from now on, until `signal` fires or `end`. */
  open(signal: AbortSignal | undefined): EventStream<T> {
    const abort = () => stream.end();
    const stream = new EventStream<T>(() => {
      this.#streams.delete(stream);
      signal?.removeEventListener("abort", abort);
    });
    if (this.#closed || signal?.aborted) {
      stream.end();
      return stream;
    }
    this.#streams.add(stream);
    signal?.addEventListener("abort", abort, { once: true });
    return stream;
  }

  push(event: T): void {
    for (const stream of this.#streams) stream.push(event);
  }

  skip(count: number): void {
    for (const stream of this.#streams) stream.skip(count);
  }

  end(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
  }
}
