/** `hearsay state watch`: changes of keys, a line each, until somebody has had enough. */
import type { RpcError, StateChangeRecord, StateChoice } from "../../../rpc/client.ts";
import { withHearsayAgent } from "../../hearsay-agent.ts";
import { Interruption } from "../../interruption.ts";
import { jsonLine, parseFormat, printable } from "../../output.ts";
import { type Call, CommandError, type Io } from "../../spec.ts";
import { cut, jsonValue, valueText } from "../../state-text.ts";
import { clockText } from "../../time-text.ts";
import { NO_STATE } from "./keys.ts";
import { readPlace } from "./place.ts";

export async function run(call: Call): Promise<number> {
  const { flags, io } = call;
  const format = parseFormat(flags.text("format"));
  const choice = readPlace(flags);
  return await withHearsayAgent(call, "Error starting watch", NO_STATE, async (client) => {
    using interruption = new Interruption();
    const { signal } = interruption;
    let started = false;
    try {
      const changes = await client.state.watch({ ...choice, initial: flags.on("initial") }, { signal });
      started = true;
      for await (const change of changes) {
        if (format === "json") io.out(jsonLine(jsonChange(change, choice)));
        else show(io, change);
      }
    } catch (error) {
      // Ctrl-C is how it is meant to end.
      if (signal.aborted) return 0;
      if (!started || (error as RpcError).code !== "CLOSED") throw error;
    }
    throw new CommandError("The agent ended the watch: it has left its pool, was stopped, or crashed");
  });
}

function show(io: Io, { member, key, after, time, dropped }: StateChangeRecord): void {
  if (dropped > 0)
    io.err(`${dropped} earlier ${dropped === 1 ? "change was" : "changes were"} lost: more came than were read\n`);
  const what = after === undefined ? "deleted" : `= ${valueText(after)}`;
  io.out(`${cut(`${clockText(time)}  ${printable(member)}  ${printable(key)} ${what}`, io.columns)}\n`);
}

function jsonChange(change: StateChangeRecord, { shared }: StateChoice): unknown {
  const { member, key, before, after, isLocal, time, dropped } = change;
  return {
    time: time.toISOString(),
    [shared ? "writer" : "member"]: member,
    key,
    ...jsonValue(after),
    ...(before === undefined ? {} : { before: jsonValue(before) }),
    deleted: after === undefined,
    local: isLocal,
    dropped,
  };
}
