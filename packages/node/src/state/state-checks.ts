/** What people hand to the methods of replicated state, checked. One line for each wrong thing; what only the machine can know is left to it. */

import { maxCounterNameBytes } from "@hearsay/state";
import type { CallOptions } from "../api.ts";
import { NodeError, optionError, show } from "../errors.ts";
import { checkSetting } from "../option-checks.ts";
import type { AggregateOptions, SetOptions, WatchOptions } from "../state-api.ts";
import type { AggregateTerms } from "./state-port.ts";

const MAX_KEY_BYTES = 255;
const MAX_AGGREGATE_NAME_BYTES = 64;
/** The longest time to live: ms, over a hundred years. */
const MAX_TTL_MS = 2 ** 42;

export function checkKeyName(key: unknown): string {
  return checkName("the key", key, MAX_KEY_BYTES);
}

export function checkCounterName(name: unknown): string {
  return checkName("the counter's name", name, maxCounterNameBytes);
}

export function checkAggregateName(name: unknown): string {
  return checkName("the aggregate's name", name, MAX_AGGREGATE_NAME_BYTES);
}

/** @throws NodeError BAD_OPTION */
export function checkWrite(options: SetOptions): SetOptions {
  const signal = checkSignal(options);
  const { ttl } = options;
  return {
    ...(ttl === undefined ? {} : { ttl: Number(checkSetting("ttl", ttl, [1, MAX_TTL_MS, true])) }),
    ...(signal ? { signal } : {}),
  };
}

/** @throws NodeError BAD_OPTION */
export function checkSignal(options: unknown): AbortSignal | undefined {
  if (typeof options !== "object" || options === null) throw optionError("options", options, "is no object");
  const { signal } = options as CallOptions;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw optionError("signal", signal, "is no AbortSignal");
}

/** @throws NodeError BAD_OPTION */
export function checkPrefix(prefix: unknown): string {
  if (typeof prefix === "string") return prefix;
  throw optionError("prefix", prefix, "is no text");
}

/** @throws NodeError BAD_OPTION */
export function checkAmount(amount: unknown): number {
  if (Number.isSafeInteger(amount)) return amount as number;
  throw optionError("amount", amount, "is out of range; want a whole number from -(2^53 - 1) to 2^53 - 1");
}

/** @throws NodeError BAD_OPTION */
export function checkTerms({ roundMs = 1000, epochRounds = 50, least, greatest }: AggregateOptions): AggregateTerms {
  return {
    roundMs: Number(checkSetting("roundMs", roundMs, [1, 3_600_000])),
    epochRounds: Number(checkSetting("epochRounds", epochRounds, [10, 1000, true])),
    ...checkBounds(least, greatest),
  };
}

function checkBounds(
  least: unknown = Number.NEGATIVE_INFINITY,
  greatest: unknown = Number.POSITIVE_INFINITY,
): Pick<AggregateTerms, "least" | "greatest"> {
  for (const [option, value] of Object.entries({ least, greatest }))
    if (typeof value !== "number" || Number.isNaN(value)) throw optionError(option, value, "is no number");
  const bounds = { least: Number(least), greatest: Number(greatest) };
  if (bounds.least < bounds.greatest) return bounds;
  throw optionError("least", least, `is not below greatest, ${show(greatest)}`);
}

/** @throws NodeError BAD_OPTION */
export function checkWatch(prefix: unknown, options: WatchOptions): string {
  const checked = checkPrefix(prefix);
  checkSignal(options);
  const { initial } = options;
  if (initial !== undefined && typeof initial !== "boolean")
    throw optionError("initial", initial, "is neither true nor false");
  return checked;
}

function checkName(what: string, name: unknown, mostBytes: number): string {
  const problem = nameProblem(name, mostBytes);
  if (problem !== undefined) {
    throw new NodeError("BAD_KEY_NAME", `${what} ${show(name)} ${problem}; want 1 … ${mostBytes} bytes of text`);
  }
  return name as string;
}

function nameProblem(name: unknown, mostBytes: number): string | undefined {
  if (typeof name !== "string") return "is no text";
  if (/\p{Surrogate}/u.test(name)) return "is not well-formed Unicode";
  const bytes = Buffer.byteLength(name);
  return bytes >= 1 && bytes <= mostBytes ? undefined : `is ${bytes} bytes long`;
}
