/** `hearsay aggregate set`, `unset`, `get` and `list`. */
import type { AggregateReading } from "@hearsay/node";
import type { AggregateView } from "../../agent/agent-aggregates.ts";
import { formatDuration, parseDuration } from "../../agent/duration.ts";
import { STATE_ERRORS } from "../../rpc/errors.ts";
import { withHearsayAgent } from "../hearsay-agent.ts";
import { json, parseFormat, table } from "../output.ts";
import { type Call, CommandError, type Flags, UsageError } from "../spec.ts";
import { named } from "../state-text.ts";

const NO_AGGREGATES = "has no statistics";

export async function set(call: Call): Promise<number> {
  const [name, text] = call.args as [string, string];
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${text} is no number`);
  const wish = { ...readRound(call.flags), ...readEpoch(call.flags) };
  const failing = `Error taking part in ${named(name)}`;
  await withHearsayAgent(call, failing, NO_AGGREGATES, (client) => client.aggregates.set(name, value, wish));
  return 0;
}

export async function unset(call: Call): Promise<number> {
  const name = call.args[0]!;
  await explained(call, name, (client) => client.aggregates.unset(name));
  return 0;
}

export async function get(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const name = call.args[0]!;
  const view = await explained(call, name, (client) => client.aggregates.get(name));
  call.io.out(format === "json" ? json(jsonView(view)) : readingText(view.reading!));
  return 0;
}

export async function list(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const views = await withHearsayAgent(call, "Error listing statistics", NO_AGGREGATES, (client) =>
    client.aggregates.list(),
  );
  call.io.out(format === "json" ? json({ aggregates: views.map(jsonView) }) : table(views.map(row)));
  return 0;
}

/** The agent's words are stable and short; what to do about them is ours to say. */
async function explained<T>(call: Call, name: string, ask: Parameters<typeof withHearsayAgent<T>>[3]): Promise<T> {
  const failing = `Error with ${named(name)}`;
  return withHearsayAgent(call, failing, NO_AGGREGATES, async (client) => {
    try {
      return await ask(client);
    } catch (error) {
      const { message } = error as Error;
      const hint = HINTS[message];
      if (hint === undefined) throw error;
      throw new CommandError(`${failing}: ${message}; ${hint}`);
    }
  });
}

const HINTS: Readonly<Record<string, string>> = {
  [STATE_ERRORS.noSuchAggregate]: 'this agent takes no part in it: "hearsay aggregate set NAME VALUE"',
  [STATE_ERRORS.noResult]: "the first comes at the end of an epoch; try again later",
};

// ---- flags

function readRound(flags: Flags): { readonly roundMs?: number } {
  const text = flags.text("round");
  if (text === undefined) return {};
  const ms = parseDuration(text);
  if (ms === undefined) throw new UsageError(`-round=${text} is no duration: write 200ms, 1s or 1m`);
  if (ms < 1) throw new UsageError(`-round=${text} is too short: at least 1ms`);
  return { roundMs: Math.round(ms) };
}

function readEpoch(flags: Flags): { readonly epochRounds?: number } {
  const text = flags.text("epoch");
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) throw new UsageError(`-epoch=${text} is no number of rounds`);
  return { epochRounds: Number(text) };
}

// ---- what is shown

/** A line for each number, with how far it may be off. */
function readingText(reading: AggregateReading): string {
  const { sum, mean, min, max, variance, quantiles, age, epoch } = reading;
  const { meanError, countError, quantileError } = reading;
  const rows = [
    ["count", members(reading), off(countError)],
    ["sum", short(sum), off(countError)],
    ["mean", short(mean), off(meanError)],
    ["min", short(min), ""],
    ["max", short(max), ""],
    ["stddev", short(Math.sqrt(Math.max(variance, 0))), ""],
    ...Object.entries(quantiles).map(([name, value]) => [name, short(value), off(quantileError)]),
    ["age", formatDuration(Math.round(age / 100) * 100), `epoch ${epoch}`],
  ];
  return table(rows)
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function row({ name, value, reading }: AggregateView): string[] {
  const own = `own ${short(value)}`;
  return reading === undefined
    ? [name, own, "no result yet"]
    : [name, own, `mean ${short(reading.mean)} of ${members(reading)}`];
}

/** There are no parts of members; but whoever is not sure says so. */
function members({ count, countError }: AggregateReading): string {
  const whole = Math.round(count);
  return Math.abs(count - whole) <= 2 * countError * count ? String(whole) : short(count);
}

/** Six digits: more would say more than is known. */
const short = (value: number): string => String(Number(value.toPrecision(6)));

const off = (share: number): string => (share > 0 ? `± ${Number((share * 100).toPrecision(2))} %` : "");

function jsonView({ name, value, reading }: AggregateView): unknown {
  if (reading === undefined) return { name, value, reading: null };
  return { name, value, reading: { ...reading, stddev: Math.sqrt(Math.max(reading.variance, 0)) } };
}
