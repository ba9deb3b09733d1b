/** Events for a reader who takes them when it likes: a bounded buffer that drops the oldest and says how many. */

export const EVENT_BUFFER = 1024;

export class EventStream<T extends object> implements AsyncIterableIterator<T & { readonly dropped: number }> {
  readonly #buffer: T[] = [];
  readonly #limit: number;
  /** Called once when nobody reads any more. */
  readonly #onEnd: () => void;
  #head = 0;
  #dropped = 0;
  #ended = false;
  /** Readers waiting for an event; nearly always none or one. */
  readonly #waiting: ((result: IteratorResult<T & { readonly dropped: number }>) => void)[] = [];

  constructor(onEnd: () => void, limit = EVENT_BUFFER) {
    this.#onEnd = onEnd;
    this.#limit = limit;
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
    if (this.#buffer.length - this.#head > this.#limit) {
      this.#head++;
      this.#dropped++;
    }
    if (this.#head > this.#limit) {
      this.#buffer.splice(0, this.#head);
      this.#head = 0;
    }
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
      const event = this.#buffer[this.#head++]!;
      if (this.#head === this.#buffer.length) {
        this.#buffer.length = 0;
        this.#head = 0;
      }
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
