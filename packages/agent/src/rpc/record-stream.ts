/**
 * Records of one stream on their way to whoever iterates it: what has come waits here, and is counted, so that the
 * connection can stop reading. Read once.
 */
import { abortedError, type RpcError } from "./rpc-error.ts";

/** Comes in place of a record: it was the last. */
export const DONE = Symbol("done");
/** What a decoder gives: a record, the end, or undefined for something to be skipped. */
export type Decoded<T> = T | typeof DONE | undefined;

/** What a record takes beside its bytes. */
const OVERHEAD_BYTES = 64;

export interface RecordStreamOptions {
  readonly signal: AbortSignal | undefined;
  /** Called with the change of the bytes that wait here. */
  readonly onHeld: (bytes: number) => void;
  /** Called once when the reader has had enough before the end. */
  readonly onStop: () => void;
}

export class RecordStream<T> implements AsyncIterableIterator<T> {
  readonly #options: RecordStreamOptions;
  /** From `#head` on: to `shift` each of many takes time by how many there are. */
  #waiting: { readonly record: T; readonly bytes: number }[] = [];
  #head = 0;
  #readers: { readonly resolve: (result: IteratorResult<T>) => void; readonly reject: (error: RpcError) => void }[] =
    [];
  #ended = false;
  #failure: RpcError | undefined;
  readonly #onAbort = () => this.#stop(abortedError(this.#options.signal!));

  constructor(options: RecordStreamOptions) {
    this.#options = options;
    if (options.signal?.aborted) this.#onAbort();
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** No record is taken any more. */
  get ended(): boolean {
    return this.#ended;
  }

  push(record: T, bytes: number): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: record });
      return;
    }
    this.#waiting.push({ record, bytes: bytes + OVERHEAD_BYTES });
    this.#options.onHeld(bytes + OVERHEAD_BYTES);
  }

  /** No more records come; those that wait can still be read. With an error, the reader learns of it after them. */
  end(failure?: RpcError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    for (const reader of this.#readers.splice(0)) {
      const error = this.#takeFailure();
      if (error === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(error);
    }
  }

  next(): Promise<IteratorResult<T>> {
    const first = this.#waiting[this.#head];
    if (first !== undefined) {
      if (++this.#head * 2 >= this.#waiting.length) this.#dropRead();
      this.#options.onHeld(-first.bytes);
      return Promise.resolve({ done: false, value: first.record });
    }
    const error = this.#takeFailure();
    if (error !== undefined) return Promise.reject(error);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** The reader has had enough (`break`). */
  return(): Promise<IteratorResult<T>> {
    this.#stop(undefined);
    this.#failure = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #stop(failure: RpcError | undefined): void {
    const early = !this.#ended;
    this.end(failure);
    this.#dropRead();
    const held = this.#waiting.splice(0).reduce((sum, { bytes }) => sum + bytes, 0);
    if (held > 0) this.#options.onHeld(-held);
    if (early) this.#options.onStop();
  }

  /** Lets go of what has been read. */
  #dropRead(): void {
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }

  /** Told once. */
  #takeFailure(): RpcError | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
