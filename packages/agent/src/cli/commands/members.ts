/** `hearsay members`: Serf's table, in name order. */
import { formatEndpoint } from "@hearsay/core";
import type { MemberRecord } from "../../rpc/messages.ts";
import { type Format, json, parseFormat, sorted, table } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";
import { parseTags } from "../tags.ts";

export async function run(call: Call): Promise<number> {
  const { flags, io } = call;
  const format = parseFormat(flags.text("format"));
  const role = flags.text("role");
  const tags = { ...(role === undefined ? {} : { role }), ...parseTags(flags.texts("tag")) };
  const filter = { name: flags.text("name") ?? "", status: flags.text("status") ?? "", tags };
  const members = await withAgent(call, "Error retrieving members", async (client) => {
    try {
      return await client.membersFiltered(filter);
    } catch (error) {
      if ((error as { code?: string }).code !== "CLOSED") throw error;
      // That is an agent's whole answer to a pattern that it cannot read.
      throw new CommandError("Error retrieving members: the agent hung up; is one of the patterns broken?");
    }
  });
  io.out(render([...members].sort(byName), format, flags.on("detailed")));
  return 0;
}

function byName(a: MemberRecord, b: MemberRecord): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function render(members: readonly MemberRecord[], format: Format, detailed: boolean): string {
  if (format === "json") {
    // Go's empty list is a null; clients know it.
    return json({ members: members.length === 0 ? null : members.map(jsonMember) });
  }
  return table(
    members.map((member) => {
      const tags = Object.entries(sorted(member.tags)).map(([key, value]) => `${key}=${value}`);
      const row = [member.name, formatEndpoint(member), member.status, tags.join(",")];
      if (!detailed) return row;
      const range = `Available Protocol Range: [${member.delegateMin}, ${member.delegateMax}]`;
      return [...row, `Protocol Version: ${member.delegateCur}`, range];
    }),
  );
}

function jsonMember(member: MemberRecord): unknown {
  return {
    name: member.name,
    addr: formatEndpoint(member),
    port: member.port,
    tags: sorted(member.tags),
    status: member.status,
    protocol: { max: member.delegateMax, min: member.delegateMin, version: member.delegateCur },
  };
}
