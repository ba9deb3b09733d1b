import { withAgent } from "../rpc-connection.ts";
import type { Call } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  await withAgent(call, "Error leaving", (client) => client.leave());
  call.io.out("Graceful leave complete\n");
  return 0;
}
