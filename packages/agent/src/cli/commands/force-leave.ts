import { oneLine } from "../../rpc/join-error.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args } = call;
  await withAgent(call, async (client) => {
    try {
      await client.forceLeave(args[0]!, { prune: flags.on("prune") });
    } catch (error) {
      throw new CommandError(`Error force leaving: ${oneLine((error as Error).message)}`);
    }
  });
  return 0;
}
