import { oneLine } from "../../rpc/join-error.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  await withAgent(call, async (client) => {
    try {
      await client.leave();
    } catch (error) {
      throw new CommandError(`Error leaving: ${oneLine((error as Error).message)}`);
    }
  });
  call.io.out("Graceful leave complete\n");
  return 0;
}
