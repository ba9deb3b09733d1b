/** The aggregates that a node takes part in, as its user holds them. */

import { abortedError, NodeError, optionError, show } from "../errors.ts";
import type { Aggregate, AggregateOptions, AggregateReading } from "../state-api.ts";
import { safeSource } from "./aggregate-reading.ts";
import { checkAggregateName, checkSignal, checkTerms } from "./state-checks.ts";
import type { StatePort } from "./state-port.ts";

/** Of one node. */
const MAX_AGGREGATES = 256;

export class OpenAggregates {
  readonly #port: StatePort;
  readonly #open = new Map<string, OpenAggregate>();

  constructor(port: StatePort) {
    this.#port = port;
  }

  names(): string[] {
    return [...this.#open.keys()].sort();
  }

  /** @throws NodeError as `StateApi.aggregate` */
  open(name: unknown, source: unknown, options: AggregateOptions): Aggregate {
    const checked = checkAggregateName(name);
    if (typeof source !== "function") throw optionError("source", source, "is no function that gives a number");
    const signal = checkSignal(options);
    const terms = checkTerms(options);
    if (signal?.aborted) throw abortedError(signal, "the aggregate");
    this.#port.requireOpen();
    if (this.#open.has(checked))
      throw new NodeError("ALREADY_OPEN", `this node takes part in the aggregate ${show(checked)} already`);
    if (this.#open.size >= MAX_AGGREGATES)
      throw new NodeError(
        "TOO_MANY_AGGREGATES",
        `this node takes part in ${MAX_AGGREGATES} aggregates; close one first`,
      );
    this.#port.openAggregate(checked, safeSource(source as () => unknown), terms);
    const aggregate = new OpenAggregate(checked, this.#port, signal, () => this.#close(checked));
    this.#open.set(checked, aggregate);
    return aggregate;
  }

  /** The node has gone. */
  end(): void {
    for (const aggregate of [...this.#open.values()]) aggregate.close();
  }

  #close(name: string): void {
    this.#open.delete(name);
    this.#port.closeAggregate(name);
  }
}

class OpenAggregate implements Aggregate {
  readonly name: string;
  readonly #port: StatePort;
  readonly #signal: AbortSignal | undefined;
  #onClose: (() => void) | undefined;
  /** What it read last, once it is closed. */
  #last: AggregateReading | undefined;

  constructor(name: string, port: StatePort, signal: AbortSignal | undefined, onClose: () => void) {
    this.name = name;
    this.#port = port;
    this.#signal = signal;
    this.#onClose = onClose;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  read(): AggregateReading | undefined {
    return this.#onClose ? this.#port.reading(this.name) : this.#last;
  }

  close(): void {
    const onClose = this.#onClose;
    if (!onClose) return;
    this.#last = this.read();
    this.#onClose = undefined;
    this.#signal?.removeEventListener("abort", this.#abort);
    onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #abort = (): void => this.close();
}
