import { oneLine } from "../../rpc/join-error.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args, io } = call;
  const count = await withAgent(call, async (client) => {
    try {
      return await client.join(args, { replay: flags.on("replay") });
    } catch (error) {
      throw new CommandError(`Error joining the cluster: ${oneLine((error as Error).message)}`);
    }
  });
  io.out(`Successfully joined cluster by contacting ${count} nodes.\n`);
  return 0;
}
