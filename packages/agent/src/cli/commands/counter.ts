/** `hearsay counter add`, `get` and `list`. */
import type { CounterRecord, RpcClient } from "../../rpc/client.ts";
import { withHearsayAgent } from "../hearsay-agent.ts";
import { json, parseFormat, table } from "../output.ts";
import { type Call, UsageError } from "../spec.ts";
import { named } from "../state-text.ts";

const NO_COUNTERS = "has no counters";

export async function add(call: Call): Promise<number> {
  const [name, amount = "1"] = call.args as [string, string?];
  const n = /^[+-]?\d+$/.test(amount) ? Number(amount) : Number.NaN;
  if (!Number.isSafeInteger(n)) {
    throw new UsageError(
      `${amount} is no whole number between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  return one(call, `Error counting ${named(name)}`, (client) => client.counters.add(name, n));
}

export async function get(call: Call): Promise<number> {
  const name = call.args[0]!;
  return one(call, `Error reading ${named(name)}`, (client) => client.counters.get(name));
}

export async function list(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const counters = await withHearsayAgent(call, "Error listing counters", NO_COUNTERS, (client) =>
    client.counters.list(),
  );
  if (format === "json") call.io.out(json({ counters: counters.map(jsonCounter) }));
  else call.io.out(table(counters.map(({ name, value, own }) => [name, String(value), `own ${own}`])));
  return 0;
}

async function one(call: Call, failing: string, ask: (client: RpcClient) => Promise<CounterRecord>): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const counter = await withHearsayAgent(call, failing, NO_COUNTERS, ask);
  call.io.out(format === "json" ? json(jsonCounter(counter)) : `${counter.value}\n`);
  return 0;
}

/** Numbers, as long as they are exact in everybody's JSON; texts beyond. */
function jsonCounter({ name, value, own }: CounterRecord): unknown {
  return { name, value: jsonWhole(value), own: jsonWhole(own) };
}

function jsonWhole(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
