/** Where the constants of `memory.ts` come from; run with a garbage collector at hand. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lanConfig, type PushPull, Rng, type StreamMessage, Swim } from "@hearsay/core";
import { createCodec } from "@hearsay/wire";
import { expect, test } from "vitest";
import { memberBytes } from "./memory.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Once it no longer falls: array buffers are given back behind the collector's back, later where the machine is busy. */
async function inUse(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let steady = 0; steady < 4; steady++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const bytes = heapUsed + arrayBuffers;
    if (bytes < least - 1000) steady = -1;
    least = Math.min(least, bytes);
  }
  return least;
}

const codec = createCodec({ compression: false });

/** A machine that has taken a pool in from bytes and has nothing left to say. */
function machineOf(members: number, nameBytes: number, metaBytes: number): Swim {
  // What it has to say is soon said.
  const config = { ...lanConfig, probeIntervalMs: 0, pushPullIntervalMs: 0, settleIntervalMs: 0, retransmitMult: 1 };
  const name = "me".padStart(nameBytes, "x");
  const machine = new Swim({ name, addr: Uint8Array.of(10, 255, 0, 1), port: 7946, config, codec, rng: new Rng(1) });
  machine.start(0);
  machine.handleStreamRequest({ address: "10.255.0.2", port: 50_000 }, listOf(members, nameBytes, metaBytes), 1);
  const out = { buffer: new Uint8Array(codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
  for (let now = 1; ; now = Math.max(now, machine.nextDeadline())) {
    machine.handleTimeout(now);
    while (machine.pollTransmit(out));
    while (machine.pollStream());
    while (machine.pollEvent());
    if (machine.queueLength("member") === 0) break;
  }
  // The last message read lives on until the next one: a small one, so that it is not counted.
  listOf(1, nameBytes, metaBytes);
  return machine;
}

function listOf(members: number, nameBytes: number, metaBytes: number): StreamMessage {
  const list: PushPull = { type: 6, join: true, nodes: [], userState: new Uint8Array(0) };
  for (let i = 0; i < members; i++) {
    list.nodes.push({
      name: String(i).padStart(nameBytes, "n"),
      addr: Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255),
      port: 7946,
      meta: new Uint8Array(metaBytes).fill(i & 127),
      incarnation: 1,
      state: 0,
      vsn: Uint8Array.of(1, 5, 2, 0, 0, 0),
    });
  }
  const reader = codec.streamReader(true);
  const message = reader.push(codec.encodeStream(list, true)) ?? reader.end();
  if (!("type" in message)) throw new Error(message.error);
  return message;
}

test.each([
  [12, 0],
  [12, 200],
  [40, 0],
])("names of %d bytes, %d bytes of meta", async (nameBytes, metaBytes) => {
  const sizes = [4000, 12_000];
  const machines: Swim[] = [machineOf(1000, nameBytes, metaBytes)];
  const used: number[] = [];
  for (const members of sizes) {
    const before = await inUse();
    machines.push(machineOf(members, nameBytes, metaBytes));
    used.push((await inUse()) - before);
  }
  expect(machines.map((machine) => machine.memberCount)).toEqual([1001, 4001, 12_001]);
  const measured = (used[1]! - used[0]!) / (sizes[1]! - sizes[0]!);
  const constant = memberBytes({ nameBytes, metaBytes });
  expect(measured).toBeGreaterThan(0.8 * constant);
  expect(measured).toBeLessThan(1.2 * constant);
});
