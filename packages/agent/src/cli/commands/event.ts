/** `hearsay event`: tells all members something. */
import { withAgent } from "../rpc-connection.ts";
import type { Call } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args, io } = call;
  const [name, payload = ""] = args as [string, string?];
  // Unlike other switches, on unless it is turned off.
  const coalesce = flags.text("coalesce") !== "false";
  await withAgent(call, "Error sending event", (client) => client.event(name, payload, { coalesce }));
  io.out(`Event '${name}' dispatched! Coalescing enabled: ${coalesce}\n`);
  return 0;
}
