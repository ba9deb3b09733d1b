import { withAgent } from "../rpc-connection.ts";
import type { Call } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args } = call;
  await withAgent(call, "Error force leaving", (client) => client.forceLeave(args[0]!, { prune: flags.on("prune") }));
  return 0;
}
