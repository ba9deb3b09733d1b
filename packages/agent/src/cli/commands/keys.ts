/** `hearsay keys`: the encryption keys of the whole pool. */
import type { KeyBody, RpcClient } from "../../rpc/client.ts";
import { json, parseFormat, printable, sorted, table } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError, type Io, UsageError } from "../spec.ts";

interface Change {
  readonly begin: string;
  readonly done: string;
  readonly failing: string;
  readonly ask: (client: RpcClient, key: string) => Promise<KeyBody>;
}

const CHANGES: Readonly<Record<string, Change>> = {
  install: {
    begin: "Installing key on all members...",
    done: "Successfully installed key!",
    failing: "Error installing key",
    ask: (client, key) => client.installKey(key),
  },
  use: {
    begin: "Changing primary key on all members...",
    done: "Successfully changed primary key!",
    failing: "Error changing primary key",
    ask: (client, key) => client.useKey(key),
  },
  remove: {
    begin: "Removing key on all members...",
    done: "Successfully removed key!",
    failing: "Error removing key",
    ask: (client, key) => client.removeKey(key),
  },
};

export async function run(call: Call): Promise<number> {
  const { flags } = call;
  const format = parseFormat(flags.text("format"));
  // An empty key is none, as for Serf: a script's variable that was never set.
  const wanted = Object.keys(CHANGES).filter((name) => flags.text(name));
  const count = wanted.length + (flags.on("list") ? 1 : 0);
  if (count > 1) throw new UsageError("Only one of -install, -use, -remove, or -list allowed");
  if (count === 0) throw new UsageError("What to do is missing: -install=KEY, -use=KEY, -remove=KEY or -list");
  const [name] = wanted;
  if (name === undefined) return list(call, format === "json");
  if (format === "json") throw new UsageError("-format=json goes with -list only");
  return change(call, CHANGES[name]!, flags.text(name)!);
}

function change(call: Call, { begin, done, failing, ask }: Change, key: string): Promise<number> {
  return withAgent(call, failing, async (client) => {
    call.io.out(`==> ${begin}\n`);
    const answer = await ask(client, key);
    tellMessages(call.io, answer);
    if (answer.error !== "") throw new CommandError(`${failing}: ${problem(answer)}`);
    call.io.out(`==> ${done}\n`);
    return 0;
  });
}

function list(call: Call, asJson: boolean): Promise<number> {
  const { io } = call;
  const failing = "Failed to gather member keys";
  return withAgent(call, failing, async (client) => {
    if (!asJson) io.out("==> Asking all members for installed keys...\n");
    const answer = await client.listKeys();
    if (asJson) {
      io.out(json(jsonKeys(answer)));
    } else {
      if (answer.error === "") io.out("==> Keys gathered, listing cluster keys...\n\n");
      // Also when somebody is missing: who rotates keys wants to know what the others have.
      io.out(table(Object.entries(sorted(answer.keys)).map(([key, n]) => [key, `[${n}/${answer.numNodes}]`])));
    }
    tellMessages(io, answer);
    if (answer.error !== "") throw new CommandError(`${failing}: ${problem(answer)}`);
    return 0;
  });
}

/** By member: why it has not done it. What those say who have done it is a remark. Then who has said nothing. */
function tellMessages(io: Io, { messages, numErr, silent }: KeyBody): void {
  const word = numErr > 0 ? "failed:" : "note:";
  const said = Object.entries(sorted(messages)).map(([name, message]) => [word, name, message]);
  io.err(table([...said, ...silent.map((name) => ["silent:", name, "no answer"])]));
}

function problem({ error, numErr, numNodes, numResp, silent }: KeyBody): string {
  // Serf's agents do not say who.
  const unknown = numErr === 0 && numResp < numNodes && silent.length === 0;
  return `${printable(error)}${unknown ? '; "hearsay reachability" shows who does not answer' : ""}`;
}

function jsonKeys(answer: KeyBody): unknown {
  const primary = Object.keys(answer.primaryKeys).length > 0;
  return {
    keys: sorted(answer.keys),
    // Serf's agents do not tell.
    primaryKeys: primary ? sorted(answer.primaryKeys) : null,
    members: answer.numNodes,
    responses: answer.numResp,
    failures: answer.numErr,
    messages: sorted(answer.messages),
    silent: answer.silent,
    error: answer.error === "" ? null : answer.error,
  };
}
