/**
 * The aggregates that an agent takes part in because somebody told it a number: each keeps its number until it is told
 * another one, or that it shall take part no longer.
 */
import type { Aggregate, AggregateOptions, AggregateReading, StateApi } from "@hearsay/node";

/** Settings, as far as they were given: see `AggregateOptions`. */
export type AggregateWish = Pick<AggregateOptions, "roundMs" | "epochRounds">;

/** What the agent tells of one of them. */
export interface AggregateView {
  readonly name: string;
  /** This agent's number. */
  readonly value: number;
  /** Undefined before the first result. */
  readonly reading: AggregateReading | undefined;
}

interface Taken {
  value: number;
  readonly wish: AggregateWish;
  readonly aggregate: Aggregate;
}

export class AgentAggregates {
  readonly #node: StateApi;
  readonly #taken = new Map<string, Taken>();

  constructor(node: StateApi) {
    this.#node = node;
  }

  /**
   * The number counts from the next epoch on. Other settings than before begin the aggregate anew.
   * @throws NodeError as `StateApi.aggregate` does; what was there before then goes on with its number, begun anew if settings changed
   */
  set(name: string, value: number, wish: AggregateWish): void {
    const known = this.#taken.get(name);
    if (known !== undefined && isSame(known.wish, wish)) {
      known.value = value;
      return;
    }
    this.unset(name);
    try {
      this.#open(name, value, { ...known?.wish, ...wish });
    } catch (error) {
      if (known !== undefined) this.#open(name, known.value, known.wish);
      throw error;
    }
  }

  #open(name: string, value: number, wish: AggregateWish): void {
    const aggregate = this.#node.aggregate(name, () => this.#taken.get(name)?.value, wish);
    this.#taken.set(name, { value, wish, aggregate });
  }

  /** False: it took no part. */
  unset(name: string): boolean {
    this.#taken.get(name)?.aggregate.close();
    return this.#taken.delete(name);
  }

  get(name: string): AggregateView | undefined {
    const taken = this.#taken.get(name);
    return taken && { name, value: taken.value, reading: taken.aggregate.read() };
  }

  /** In name order. */
  list(): readonly AggregateView[] {
    return [...this.#taken.keys()].sort().map((name) => this.get(name)!);
  }

  close(): void {
    for (const name of [...this.#taken.keys()]) this.unset(name);
  }
}

/** Settings that are not given are as they were. */
function isSame(before: AggregateWish, wish: AggregateWish): boolean {
  return (
    (wish.roundMs === undefined || wish.roundMs === before.roundMs) &&
    (wish.epochRounds === undefined || wish.epochRounds === before.epochRounds)
  );
}
