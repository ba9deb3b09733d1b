/** A query without a network: members answer when they are told to, and it ends by its timer or when told. */
import type { QueryAnswer, QueryCall, QueryRecord } from "@hearsay/node";

export class FakeQueryCall implements QueryCall {
  readonly started: Promise<{ readonly lTime: number; readonly id: number; readonly deadline: Date }>;
  readonly acks = new Set<string>();
  /** Somebody has ended it before its time. */
  closed = false;
  #ended = false;
  #failure: Error | undefined;
  readonly #records: QueryRecord[] = [];
  #wake: () => void = () => {};
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param failure what it is refused with */
  constructor(lTime: number, timeoutMs: number, failure?: Error) {
    const deadline = new Date(Date.now() + timeoutMs);
    this.started = failure === undefined ? Promise.resolve({ lTime, id: lTime, deadline }) : Promise.reject(failure);
    this.started.catch(() => {});
    if (failure === undefined) this.#timer = setTimeout(() => this.finish(), timeoutMs);
    else this.#failure = failure;
  }

  ack(from: string): void {
    this.acks.add(from);
    this.#add({ type: "ack", from });
  }

  answer(from: string, payload: Uint8Array): void {
    this.#add({ type: "response", from, payload });
  }

  /** The deadline, or everybody has answered. */
  finish(failure?: Error): void {
    this.#failure ??= failure;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#wake();
  }

  close(): void {
    if (!this.#ended) this.closed = true;
    this.finish();
  }

  #add(record: QueryRecord): void {
    if (this.#ended) return;
    this.#records.push(record);
    this.#wake();
  }

  async *records(): AsyncGenerator<QueryRecord> {
    try {
      for (;;) {
        for (let next = this.#records.shift(); next !== undefined; next = this.#records.shift()) yield next;
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.close();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<QueryAnswer> {
    for await (const record of this.records()) if (record.type === "response") yield record;
  }
}
