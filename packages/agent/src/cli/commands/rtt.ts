/** `hearsay rtt`: how far apart two members are, from their places in the network. */
import { type Coordinate, distanceMs } from "@hearsay/serf";
import type { RpcClient } from "../../rpc/client.ts";
import { printable } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { args, io } = call;
  const from = args[0]!;
  await withAgent(call, "Error getting coordinates", async (client) => {
    const to = args[1] ?? (await ownName(client));
    const [a, b] = [await place(client, from), await place(client, to)];
    const ms = distanceMs(a, b);
    // Places of other dimensions than ours cannot be compared.
    if (!Number.isFinite(ms)) throw new CommandError(`The coordinates of "${from}" and "${to}" do not go together`);
    io.out(`Estimated ${printable(from)} <-> ${printable(to)} rtt: ${ms.toFixed(3)} ms\n`);
  });
  return 0;
}

async function ownName(client: RpcClient): Promise<string> {
  const { agent } = await client.stats();
  if (agent?.name === undefined) throw new CommandError("The agent does not tell its own name; give both names");
  return agent.name;
}

/** Why it is not known, as far as the agent's list of members tells. */
async function place(client: RpcClient, name: string): Promise<Coordinate> {
  const coordinate = await client.getCoordinate(name);
  if (coordinate !== undefined) return coordinate;
  const known = (await client.members()).some((member) => member.name === name);
  const why = known ? "the agent has not measured it yet" : "the agent knows no such member";
  throw new CommandError(`Could not find a coordinate for node "${printable(name)}"; ${why}`);
}
