/** `hearsay reachability`: who of those listed as alive answers, and who else does. */
import type { RpcClient } from "../../rpc/client.ts";
import { Interruption } from "../interruption.ts";
import { printable } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import type { Call, Io } from "../spec.ts";

/** Members answer it by themselves; nothing is delivered to anybody. */
const PING = "_serf_ping";

export async function run(call: Call): Promise<number> {
  return await withAgent(call, "Error testing reachability", async (client) => {
    using interruption = new Interruption();
    const { signal } = interruption;
    try {
      return await test(client, call, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      call.io.err("Test interrupted\n");
      return Interruption.exitCode;
    }
  });
}

async function test(client: RpcClient, { flags, io }: Call, signal: AbortSignal): Promise<number> {
  const members = await client.members({ signal });
  const live = new Set(members.filter(({ status }) => status === "alive").map(({ name }) => name));
  io.out(`Total members: ${members.length}, live members: ${live.size}\n`);
  const started = performance.now();
  let last = started;
  const acked = new Set<string>();
  let acks = 0;
  // Not ended early: a surplus answer, which is what this looks for, may be the last to come.
  const records = await client.query({ name: PING, requestAck: true }, { signal });
  io.out("Starting reachability test...\n");
  for await (const { type, from } of records) {
    if (type !== "ack") continue;
    acks++;
    last = performance.now();
    if (flags.on("verbose")) io.out(`\tAck from '${printable(from)}'\n`);
    if (acked.has(from)) io.out(`Duplicate response from '${printable(from)}'\n`);
    acked.add(from);
  }
  if (flags.on("verbose")) {
    const seconds = (until: number) => ((until - started) / 1000).toFixed(2);
    const total = seconds(performance.now());
    io.out(`Query time: ${total} sec, time to last response: ${seconds(last)} sec\n`);
  }
  return judge(io, live, acked, acks);
}

/** The verdict; exit code 0 only if those who answered are those who are listed as alive. */
function judge(io: Io, live: ReadonlySet<string>, acked: ReadonlySet<string>, acks: number): number {
  const missing = [...live].filter((name) => !acked.has(name)).sort();
  const surplus = [...acked].filter((name) => !live.has(name)).sort();
  const duplicates = acks > acked.size;
  if (missing.length === 0 && surplus.length === 0) {
    if (duplicates) io.out("Somebody answered twice: make sure that every member has a name of its own.\n");
    io.out("Successfully contacted all live nodes\n");
    return duplicates ? 1 : 0;
  }
  if (missing.length > 0) {
    io.out(`Received less acks than live nodes! Missing acks from:\n${list(missing)}`);
    io.out("Either the question or the answer was lost on the way, or they have failed just now.\n");
  }
  if (surplus.length > 0) {
    io.out(`Received more acks than live nodes! Acks from non-live nodes:\n${list(surplus)}`);
    io.out("They can be reached although they are listed as failed or left, or they have come just now.\n");
  }
  io.out(HINTS);
  return 1;
}

const list = (names: readonly string[]): string => names.map((name) => `\t${printable(name)}\n`).join("");

const HINTS = `
What to look at:
* whether every member can be reached by all others at the address that "hearsay members" shows for it
* whether firewalls let gossip pass, UDP and TCP, in both directions
* whether a member sits behind a NAT, or advertises an address that does not lead to it (-advertise)
* what the agent observed of them: "hearsay why NODE"
`;
