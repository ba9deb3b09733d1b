/** Changes of keys for readers who take them when they like, each with a prefix and a buffer of its own. */

import { EVENT_BUFFER, EventStream } from "../event-stream.ts";

/** Values that may wait for one reader: bytes, as stored. A single change may have more. */
export const WATCH_BUFFER_BYTES = 4 * 1024 * 1024;

/** A change as stored, as far as a watch looks at it. */
interface Stored {
  readonly key: string;
  readonly before?: Uint8Array | undefined;
  readonly after?: Uint8Array | undefined;
}

/** What was there before is nearly always what an earlier change has brought. */
const weights = { limit: WATCH_BUFFER_BYTES, of: ({ before, after }: Stored) => (after ?? before)?.length ?? 0 };

/** One reader's changes: first those that were asked for of what was there, then what comes. */
class Watch<Raw extends Stored, Change extends object>
  implements AsyncIterableIterator<Change & { readonly dropped: number }>
{
  readonly prefix: string;
  readonly #first: Raw[];
  readonly #rest: EventStream<Raw>;
  readonly #make: (raw: Raw) => Change;

  /** @param first as changes; the last is told first */
  constructor(prefix: string, first: Raw[], make: (raw: Raw) => Change, onEnd: () => void) {
    this.prefix = prefix;
    this.#first = first;
    this.#rest = new EventStream<Raw>(onEnd, EVENT_BUFFER, weights);
    this.#make = make;
  }

  push(raw: Raw): void {
    this.#rest.push(raw);
  }

  skip(count: number): void {
    this.#rest.skip(count);
  }

  end(): void {
    this.#rest.end();
  }

  async next(): Promise<IteratorResult<Change & { readonly dropped: number }>> {
    const first = this.#first.pop();
    if (first) return { done: false, value: { ...this.#make(first), dropped: 0 } };
    const { done, value } = await this.#rest.next();
    return done ? { done, value: undefined } : { done: false, value: { ...this.#make(value), dropped: value.dropped } };
  }

  /** The reader has had enough (`break`). */
  async return(): Promise<IteratorResult<Change & { readonly dropped: number }>> {
    this.#first.length = 0;
    await this.#rest.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * The readers of one kind of changes. They are kept as stored until they are read, so that a slow reader costs no decoding.
 * @typeParam Raw a change as stored. @typeParam Change as it is handed out.
 */
export class Watches<Raw extends Stored, Change extends object> {
  readonly #all = new Set<Watch<Raw, Change>>();
  readonly #make: (raw: Raw) => Change;
  #closed = false;

  constructor(make: (raw: Raw) => Change) {
    this.#make = make;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @param first what to tell of at once, in order; `watch` is the only one to hold it */
  open(
    prefix: string,
    first: Raw[],
    signal: AbortSignal | undefined,
  ): AsyncIterable<Change & { readonly dropped: number }> {
    const abort = () => watch.end();
    const watch = new Watch<Raw, Change>(prefix, first.reverse(), this.#make, () => {
      this.#all.delete(watch);
      signal?.removeEventListener("abort", abort);
    });
    if (signal?.aborted) first.length = 0;
    if (this.#closed || signal?.aborted) {
      watch.end();
      return watch;
    }
    this.#all.add(watch);
    signal?.addEventListener("abort", abort, { once: true });
    return watch;
  }

  push(raw: Raw): void {
    for (const watch of this.#all) if (raw.key.startsWith(watch.prefix)) watch.push(raw);
  }

  /** So many changes were lost before they came here; whose they were is not known. */
  skip(count: number): void {
    for (const watch of this.#all) watch.skip(count);
  }

  /** No more will come; what is there can still be read. */
  end(): void {
    this.#closed = true;
    for (const watch of this.#all) watch.end();
  }
}
