/** `counter-add`, `-get` and `-list`: numbers that everybody may raise and lower. Ours, not Serf's. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { StateApi } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import type { Answer, Command } from "./commands.ts";
import { RefusedRequest, STATE_ERRORS, serfText } from "./errors.ts";
import { decodeStruct } from "./messages.ts";
import type { Session } from "./session.ts";
import { STATE_WORDS } from "./state-commands.ts";

/** ms of work before everybody else gets a turn. */
const SLICE_MS = 2;

interface CounterRequest {
  readonly name: string;
  readonly amount: bigint;
}

type Run = (session: Session, request: CounterRequest) => Answer | Promise<Answer>;

export const COUNTER_COMMANDS: readonly (readonly [string, Command])[] = [
  ["counter-add", command(add)],
  ["counter-get", command(({ host: { node } }, { name }) => ({ body: { Counter: counterBody(node, name) } }))],
  ["counter-list", { ...command(list), hasBody: false }],
];

function command(run: Run): Command {
  return {
    hasBody: true,
    async run(session, body) {
      const request = decodeCounterRequest(body);
      try {
        return await run(session, request);
      } catch (error) {
        return { error: serfText(error, STATE_WORDS) };
      }
    },
  };
}

async function add({ host: { node }, gone }: Session, { name, amount }: CounterRequest): Promise<Answer> {
  if (!Number.isSafeInteger(Number(amount))) return { error: STATE_ERRORS.badAmount };
  await node.counter(name).add(Number(amount), { signal: gone });
  return { body: { Counter: counterBody(node, name) } };
}

/** In turns with everybody else: what one agent has counted is a sum over every process that ever counted. */
async function list({ host: { node } }: Session): Promise<Answer> {
  const counters: MsgpackInput[] = [];
  let sliceBegan = performance.now();
  for (const name of node.counters()) {
    counters.push(counterBody(node, name));
    if (performance.now() - sliceBegan < SLICE_MS) continue;
    await nextTurn();
    sliceBegan = performance.now();
  }
  return { body: { Counters: counters } };
}

// ---- to and from bytes

/** Decimal text, since a sum may pass 64 bits. */
function counterBody(node: StateApi, name: string): MsgpackInput {
  const counter = node.counter(name);
  return { Name: name, Value: String(counter.value()), Own: String(counter.contribution()) };
}

/** An empty body is that of a command without one. An amount left out is 1. Throws RefusedRequest. */
function decodeCounterRequest(bytes: Uint8Array): CounterRequest {
  let name = "";
  let amount = 1n;
  if (bytes.length === 0) return { name, amount };
  decodeStruct(bytes, ["Name", "Amount"], (field, reader) => {
    if (field === 0) name = reader.text();
    else if (!reader.tryNil()) amount = reader.i64();
  });
  return { name, amount };
}

/** A counter as its agent knows it. */
export interface CounterRecord {
  readonly name: string;
  readonly value: bigint;
  /** What the agent has contributed itself, in all its lives. */
  readonly own: bigint;
}

/** Throws RefusedRequest. */
export function decodeCounters(bytes: Uint8Array): readonly CounterRecord[] {
  const records: CounterRecord[] = [];
  decodeStruct(bytes, ["Counter", "Counters"], (field, reader) => {
    const count = field === 0 ? 1 : reader.array();
    for (let i = 0; i < count && reader.ok; i++) {
      const texts = ["", "0", "0"];
      reader.struct(["Name", "Value", "Own"], (part) => {
        texts[part] = reader.textLossy();
      });
      records.push({ name: texts[0]!, value: whole(texts[1]!), own: whole(texts[2]!) });
    }
  });
  return records;
}

function whole(text: string): bigint {
  // Thousands of digits would be somebody's joke.
  if (!/^-?\d{1,80}$/.test(text)) throw new RefusedRequest("a number that cannot be read");
  return BigInt(text);
}
