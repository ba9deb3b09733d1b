/**
 * A query of ours as its asker holds it: what has come and was not read yet, and how it ended. Not how it is asked: whoever
 * runs the machine, in this thread or the worker, hands records in and is told when no more are wanted.
 *
 *     created ── begin ──> started ── record, record … ──> done | failed
 */

import { abortedError, optionError } from "./errors.ts";
import type { QueryAnswer, QueryCall, QueryRecord } from "./serf-api.ts";

export interface QueryStart {
  readonly lTime: number;
  readonly id: number;
  readonly deadline: Date;
}

type Waiting = { resolve(result: IteratorResult<QueryRecord>): void; reject(error: Error): void };

export class RunningQuery implements QueryCall {
  readonly started: Promise<QueryStart>;
  readonly #acks = new Set<string>();
  readonly #signal: AbortSignal | undefined;
  /** Called once, when records are not wanted any more or no more can come. */
  readonly #onEnd: () => void;
  #begin!: (start: QueryStart) => void;
  #refuse!: (error: Error) => void;
  /** Not read yet; bounded by what the machine lets through: one acknowledgement and one answer of each member. */
  #records: QueryRecord[] = [];
  #head = 0;
  readonly #waiting: Waiting[] = [];
  #read = false;
  #answersOnly = false;
  #ended = false;
  #error: Error | undefined;

  constructor(signal: AbortSignal | undefined, onEnd: () => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
    this.started = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#refuse = reject;
    });
    // Who does not look at it reads the same error when iterating.
    this.started.catch(() => {});
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get acks(): ReadonlySet<string> {
    return this.#acks;
  }

  /** No record will come, or none is wanted. */
  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<QueryAnswer, undefined> {
    const reader = this.#reader((record) =>
      record.type === "response" ? { from: record.from, payload: record.payload } : undefined,
    );
    this.#answersOnly = true;
    return reader;
  }

  records(): AsyncIterableIterator<QueryRecord, undefined> {
    return this.#reader((record) => record);
  }

  close(): void {
    // What has come by then can still be read.
    this.#finish(undefined);
  }

  // For whoever runs the machine

  /** It is on its way. */
  begin(start: QueryStart): void {
    this.#begin(start);
  }

  push(record: QueryRecord): void {
    if (this.#ended) return;
    if (record.type === "ack") {
      this.#acks.add(record.from);
      if (this.#answersOnly) return;
    }
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value: record });
    else this.#records.push(record);
  }

  /** The deadline has passed, or everybody has answered. */
  done(): void {
    this.#finish(undefined);
  }

  /** It could not be asked, or the node has gone; what has come by then can still be read. */
  fail(error: Error): void {
    this.#refuse(error);
    this.#finish(error);
  }

  readonly #onAbort = (): void => {
    this.#forget();
    this.fail(abortedError(this.#signal!, "the query"));
  };

  #forget(): void {
    this.#records = [];
    this.#head = 0;
  }

  #finish(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
    this.#onEnd();
  }

  /** Not a generator: that would hold a `return` back until the next record comes. */
  #reader<T>(pick: (record: QueryRecord) => T | undefined): AsyncIterableIterator<T, undefined> {
    if (this.#read) {
      throw optionError("query", "its records", "are being read already; read answers or records(), and once");
    }
    this.#read = true;
    const reader: AsyncIterableIterator<T, undefined> = {
      next: async () => {
        for (;;) {
          const result = await this.#next();
          if (result.done) return { done: true, value: undefined };
          const value = pick(result.value);
          if (value !== undefined) return { done: false, value };
        }
      },
      return: async () => {
        this.#forget();
        this.close();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  #next(): Promise<IteratorResult<QueryRecord>> {
    const record = this.#records[this.#head];
    if (record) {
      if (++this.#head === this.#records.length) this.#forget();
      return Promise.resolve({ done: false, value: record });
    }
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  #settle({ resolve, reject }: Waiting): void {
    if (this.#error) reject(this.#error);
    else resolve({ done: true, value: undefined });
  }
}
