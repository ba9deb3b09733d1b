/** `hearsay monitor`: an agent's log and its events, as they come. */
import type { RpcError } from "../../rpc/client.ts";
import { eventText } from "../event-text.ts";
import { Interruption } from "../interruption.ts";
import { printableText } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const { flags, io } = call;
  const level = flags.text("log-level") ?? "INFO";
  return await withAgent(call, "Error starting monitor", async (client) => {
    using interruption = new Interruption();
    const { signal } = interruption;
    let started = false;
    try {
      const events = show(await client.stream("*", { signal }), (event) => io.out(eventText(event)));
      // Read from now on, for what is not read holds up the answer below. How it ends is asked at the end.
      events.catch(() => {});
      const lines = await client.monitor(level, { signal });
      started = true;
      await Promise.all([events, show(lines, (line) => io.out(`${printableText(line)}\n`))]);
    } catch (error) {
      // Ctrl-C is how it is meant to end.
      if (signal.aborted) return 0;
      if (!started || (error as RpcError).code !== "CLOSED") throw error;
    }
    throw new CommandError("The agent ended the monitor: it has left its pool, was stopped, or crashed");
  });
}

async function show<T>(records: AsyncIterable<T>, tell: (record: T) => void): Promise<void> {
  for await (const record of records) tell(record);
}
