/** `hearsay query`: asks all members something, and shows what comes. */
import { parseDuration } from "../../agent/duration.ts";
import type { RpcQuery, RpcQueryRecord } from "../../rpc/client.ts";
import { Interruption } from "../interruption.ts";
import { json, parseFormat, printable, printableText, sorted, textOf } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, type Flags, type Io, UsageError } from "../spec.ts";
import { parseTags } from "../tags.ts";

export async function run(call: Call): Promise<number> {
  const { flags, args, io } = call;
  const wish = readWish(flags, args);
  const view = parseFormat(flags.text("format")) === "json" ? new JsonView(io) : new TextView(io, wish);
  return await withAgent(call, "Error sending query", async (client) => {
    using interruption = new Interruption();
    const { signal } = interruption;
    try {
      const records = await client.query(wish, { signal });
      view.begin();
      for await (const record of records) view.show(record);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    view.end();
    return signal.aborted ? Interruption.exitCode : 0;
  });
}

function readWish(flags: Flags, [name, payload = ""]: readonly string[]): RpcQuery {
  const timeout = flags.text("timeout") ?? "0";
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) throw new UsageError(`-timeout=${timeout} is no duration: write 500ms, 15s or 1m30s`);
  const relays = flags.text("relay-factor") ?? "0";
  if (!/^\d{1,3}$/.test(relays) || Number(relays) > 255) {
    throw new UsageError(`Relay factor must be between 0 and 255, not ${relays}`);
  }
  return {
    name: name!,
    payload: new TextEncoder().encode(payload),
    filterNodes: flags.texts("node"),
    filterTags: parseTags(flags.texts("tag")),
    requestAck: !flags.on("no-ack"),
    relayFactor: Number(relays),
    timeoutMs,
    endEarly: flags.on("end-early"),
  };
}

/** Line by line, as it comes. */
class TextView {
  readonly #io: Io;
  readonly #wish: RpcQuery;
  #acks = 0;
  #responses = 0;

  constructor(io: Io, wish: RpcQuery) {
    this.#io = io;
    this.#wish = wish;
  }
  begin(): void {
    this.#io.out(`Query '${this.#wish.name}' dispatched\n`);
  }
  show({ type, from, payload }: RpcQueryRecord): void {
    if (type === "ack") {
      this.#acks++;
      this.#io.out(`Ack from '${printable(from)}'\n`);
      return;
    }
    this.#responses++;
    // Serf cuts one line end, which scripts end their answers with.
    const body = payload.at(-1) === 0x0a ? payload.subarray(0, -1) : payload;
    const intro = `Response from '${printable(from)}': `;
    const { columns, outBytes } = this.#io;
    if (columns !== undefined || outBytes === undefined) {
      this.#io.out(`${intro}${printableText(textOf(body))}\n`);
      return;
    }
    // To a program the bytes as they are. In one piece, so that nothing comes between.
    outBytes.call(this.#io, Buffer.concat([Buffer.from(intro), body, Buffer.from("\n")]));
  }
  end(): void {
    if (this.#wish.requestAck) this.#io.out(`Total Acks: ${this.#acks}\n`);
    this.#io.out(`Total Responses: ${this.#responses}\n`);
  }
}

/** One object when all is over. */
class JsonView {
  readonly #io: Io;
  readonly #acks: string[] = [];
  readonly #responses: (readonly [name: string, text: string])[] = [];

  constructor(io: Io) {
    this.#io = io;
  }
  begin(): void {}
  show({ type, from, payload }: RpcQueryRecord): void {
    if (type === "ack") this.#acks.push(from);
    else this.#responses.push([from, textOf(payload)]);
  }
  end(): void {
    // Go's empty list is a null; clients know it.
    const acks = this.#acks.length === 0 ? null : this.#acks;
    this.#io.out(json({ Acks: acks, Responses: sorted(Object.fromEntries(this.#responses)) }));
  }
}
