/**
 * What an event handler's command is given: its environment and its standard input (Serf protocol notes, section 14.2), byte
 * for byte as Serf's, but for the order of tags, which is random there and sorted here.
 */
import type { Member } from "@hearsay/node";
import type { AgentEvent } from "../agent/agent-event.ts";
import { wireTags } from "../agent/wire-tags.ts";

/** This member, as it is when the command starts. */
export type Self = Pick<Member, "name" | "address" | "port" | "tags">;

/** An event in one word or two, as Serf's log has it: `member-join`, `user-event: deploy`, `query: load`. */
export function eventTitle(event: AgentEvent): string {
  if (event.kind === "user") return `user-event: ${event.event.name}`;
  return event.kind === "query" ? `query: ${event.query.name}` : event.kind;
}

/** What comes on top of the agent's own environment. `SERF_SELF_ADDR` and `SERF_SELF_PORT` are not Serf's. */
export function scriptEnvironment(event: AgentEvent, self: Self): Record<string, string> {
  const environment: Record<string, string> = {
    SERF_EVENT: event.kind,
    SERF_SELF_NAME: self.name,
    SERF_SELF_ROLE: tagOf(self.tags, "role"),
    SERF_SELF_ADDR: self.address,
    SERF_SELF_PORT: String(self.port),
  };
  for (const [name, value] of sortedTags(self.tags)) environment[`SERF_TAG_${variableName(name)}`] = value;
  if (event.kind === "user") {
    environment.SERF_USER_EVENT = event.event.name;
    environment.SERF_USER_LTIME = String(event.event.lTime);
  } else if (event.kind === "query") {
    environment.SERF_QUERY_NAME = event.query.name;
    environment.SERF_QUERY_LTIME = String(event.query.lTime);
  }
  return environment;
}

/** Members a line each; a payload with a line break behind it, unless it is empty or has one. */
export function scriptInput(event: AgentEvent): Uint8Array {
  if ("members" in event) return Buffer.from(event.members.map(memberLine).join(""));
  const { payload } = event.kind === "user" ? event.event : event.query;
  const lineBreak = 0x0a;
  if (payload.length === 0 || payload.at(-1) === lineBreak) return payload;
  return Buffer.concat([payload, Uint8Array.of(lineBreak)]);
}

function memberLine(member: Member): string {
  const { name, address } = member;
  const tags = wireTags(member);
  const all = sortedTags(tags).map(([key, value]) => `${key}=${value}`);
  return `${[escaped(name), address, escaped(tagOf(tags, "role")), escaped(all.join(","))].join("\t")}\n`;
}

/** What would end a field or a line. Nothing else is escaped, so a `,` in a value stays one. */
function escaped(text: string): string {
  return text.replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

/** In capitals, with `_` for all that a variable's name cannot hold, character by character. */
function variableName(tag: string): string {
  // Go's capitals are single characters: where ours would be two, such as those of ß, Go has none.
  const capitals = [...tag].map((char) => {
    const upper = char.toUpperCase();
    return [...upper].length === 1 ? upper : char;
  });
  return capitals.map((char) => (/^[A-Z0-9_]$/.test(char) ? char : "_")).join("");
}

function sortedTags(tags: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function tagOf(tags: Readonly<Record<string, string>>, tag: string): string {
  return Object.hasOwn(tags, tag) ? tags[tag]! : "";
}
