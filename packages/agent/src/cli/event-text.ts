/** An event of an agent's stream as `hearsay monitor` shows it: Serf's block, with its fields for people to read. */
import { formatEndpoint } from "@hearsay/core";
import type { StreamRecord } from "../rpc/client.ts";
import { printable, quoted, sorted, table } from "./output.ts";

export function eventText(record: StreamRecord): string {
  return ["Event Info:", ...fields(record).map((line) => `\t${line}`)].map((line) => `${line}\n`).join("");
}

function fields(record: StreamRecord): string[] {
  const event = `Event: "${printable(record.event)}"`;
  switch (record.event) {
    case "user":
      return [event, ...message(record), `Coalesce: ${record.coalesce}`];
    case "query":
      return [event, `ID: ${record.id}`, ...message(record)];
    default:
      return [event, "Members:", ...members(record.members)];
  }
}

type Message = Extract<StreamRecord, { event: "user" | "query" }>;

function message({ lTime, name, payload }: Message): string[] {
  return [`LTime: ${lTime}`, `Name: ${quoted(new TextEncoder().encode(name))}`, `Payload: ${quoted(payload)}`];
}

type Members = Extract<StreamRecord, { members: unknown }>["members"];

function members(list: Members): string[] {
  const rows = list.map((member) => {
    const tags = Object.entries(sorted(member.tags)).map(([key, value]) => `${key}=${value}`);
    return [member.name, formatEndpoint(member), member.status, tags.join(",")];
  });
  return table(rows)
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => `\t${row}`);
}
