/** For commands that only Hearsay's agents understand: what a Serf agent refuses is said in words that help. */
import type { RpcClient } from "../rpc/client.ts";
import { RPC_ERRORS } from "../rpc/errors.ts";
import { withAgent } from "./rpc-connection.ts";
import { type Call, CommandError } from "./spec.ts";

/** `withAgent`, but for the words: @param lacks what a Serf agent does not have, `no evidence` */
export function withHearsayAgent<T>(
  call: Call,
  failing: string,
  lacks: string,
  use: (client: RpcClient) => Promise<T>,
): Promise<T> {
  return withAgent(call, failing, async (client) => {
    try {
      return await use(client);
    } catch (error) {
      if ((error as Error).message !== RPC_ERRORS.unsupportedCommand) throw error;
      throw new CommandError(`${failing}: this is a Serf agent, which ${lacks}; ask a Hearsay agent of the same pool`);
    }
  });
}
