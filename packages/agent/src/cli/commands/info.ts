import { json, parseFormat, printable, sorted } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import type { Call } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const stats = await withAgent(call, "Error querying agent", (client) => client.stats());
  const groups = Object.entries(sorted(stats)).map(([name, group]) => [name, sorted(group)] as const);
  if (format === "json") {
    call.io.out(json(Object.fromEntries(groups)));
    return 0;
  }
  for (const [name, group] of groups) {
    const lines = Object.entries(group).map(([key, value]) => `\t${printable(key)} = ${printable(value)}\n`);
    call.io.out(`${printable(name)}:\n${lines.join("")}`);
  }
  return 0;
}
