import { withAgent } from "../rpc-connection.ts";
import type { Call } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args, io } = call;
  const replay = flags.on("replay");
  const count = await withAgent(call, "Error joining the cluster", (client) => client.join(args, { replay }));
  io.out(`Successfully joined cluster by contacting ${count} nodes.\n`);
  return 0;
}
