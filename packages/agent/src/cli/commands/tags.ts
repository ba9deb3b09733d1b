/** `hearsay tags`: changes the tags of a running agent. */
import { withAgent } from "../rpc-connection.ts";
import { type Call, UsageError } from "../spec.ts";
import { parseTags } from "../tags.ts";

export async function run(call: Call): Promise<number> {
  const { flags, io } = call;
  const set = parseTags(flags.texts("set"), "set");
  const remove = flags.texts("delete");
  if (Object.keys(set).length === 0 && remove.length === 0) {
    throw new UsageError("nothing to change: give -set KEY=VALUE or -delete KEY");
  }
  await withAgent(call, "Error setting tags", (client) => client.tags(set, remove));
  io.out("Successfully updated agent tags\n");
  return 0;
}
