/** `hearsay state list`: keys and values in a table. */
import type { StateChoice, StateRecord } from "../../../rpc/client.ts";
import { withHearsayAgent } from "../../hearsay-agent.ts";
import { json, parseFormat, table } from "../../output.ts";
import type { Call } from "../../spec.ts";
import { cut, jsonValue, valueText } from "../../state-text.ts";
import { clockText, dateText } from "../../time-text.ts";
import { NO_STATE } from "./keys.ts";
import { readPlace } from "./place.ts";

export async function run(call: Call): Promise<number> {
  const { flags, io } = call;
  const format = parseFormat(flags.text("format"));
  const choice = readPlace(flags);
  const entries: StateRecord[] = [];
  await withHearsayAgent(call, "Error listing keys", NO_STATE, async (client) => {
    for await (const entry of client.state.list(choice)) entries.push(entry);
  });
  if (format === "json") io.out(json({ entries: entries.map((entry) => jsonEntry(entry, choice)) }));
  else io.out(text(entries, choice, io.columns));
  return 0;
}

function jsonEntry({ member, key, value, time }: StateRecord, { shared }: StateChoice): unknown {
  if (shared) return { key, ...jsonValue(value), writer: member, time: time?.toISOString() };
  return { member, key, ...jsonValue(value) };
}

/** The value stands last, where it is the one thing that a terminal's edge may cut. */
function text(entries: readonly StateRecord[], { shared, member }: StateChoice, columns: number | undefined): string {
  const rows = entries.map((entry) => {
    const value = valueText(entry.value);
    if (shared) return [entry.key, whenText(entry.time), entry.member, value];
    return member === undefined ? [entry.member, entry.key, value] : [entry.key, value];
  });
  const lines = table(rows).split("\n");
  return lines.map((line) => cut(line, columns)).join("\n");
}

const whenText = (time: Date | undefined): string => (time === undefined ? "" : `${dateText(time)} ${clockText(time)}`);
