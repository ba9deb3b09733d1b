/** A bare RPC client for tests of the server: it writes values and reads values, and checks nothing. */
import { connect, type Socket } from "node:net";
import { type MsgpackInput, type MsgpackValue, Reader } from "@hearsay/wire";
import { encode } from "../src/rpc/messages.ts";
import { ValueSplitter } from "../src/rpc/value-splitter.ts";

export type Fields = Record<string, unknown>;

export class Peer {
  readonly socket: Socket;
  readonly #splitter = new ValueSplitter(1 << 24);
  readonly #chunks: AsyncIterator<Buffer>;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.#chunks = this.socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** A peer that has been greeted. */
  static async greeted(port: number): Promise<Peer> {
    const peer = new Peer(port).send(...HANDSHAKE);
    const answer = await peer.header();
    if (answer === "closed" || answer.error !== "") throw new Error(`no greeting: ${JSON.stringify(answer)}`);
    return peer;
  }

  send(...values: MsgpackInput[]): this {
    this.socket.write(encode(...values));
    return this;
  }

  async next(): Promise<MsgpackValue | undefined | "closed"> {
    for (;;) {
      const bytes = this.#splitter.next();
      if (bytes !== undefined) return new Reader(bytes).value();
      const { value, done } = await this.#chunks.next().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) return "closed";
      this.#splitter.push(value);
    }
  }

  async header(): Promise<{ seq: unknown; error: unknown } | "closed"> {
    const value = await this.next();
    return value instanceof Map ? { seq: value.get("Seq"), error: value.get("Error") } : "closed";
  }

  /** Header and body as one: `{seq, error, …}` with the body's own fields; bytes as text. */
  async record(): Promise<Fields> {
    const header = await this.header();
    const body = await this.next();
    if (header === "closed" || !(body instanceof Map)) return { closed: true };
    return { ...header, ...plain(body) };
  }
}

function plain(map: Map<MsgpackValue, MsgpackValue>): Fields {
  const pairs = [...map].map(([key, value]) => {
    if (value instanceof Map) return [key, plain(value)];
    return [key, value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value];
  });
  return Object.fromEntries(pairs) as Fields;
}

export const request = (command: string, seq: number | bigint): MsgpackInput => ({ Command: command, Seq: seq });
export const HANDSHAKE: readonly MsgpackInput[] = [request("handshake", 0), { Version: 1 }];
