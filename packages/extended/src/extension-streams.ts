/**
 * Exchanges of state over streams, as user messages, which are the only thing memberlist's streams carry for layers above:
 * question and answer on one stream, and what the answer asks for on a second one.
 */
import {
  type Codec,
  type Endpoint,
  Fifo,
  MessageType,
  type StreamMessage,
  type StreamReply,
  type StreamRequest,
} from "@hearsay/core";
import type { Extensions } from "./extensions.ts";

type Exchange =
  | { readonly type: "ask"; readonly stateId: number; readonly to: Endpoint; readonly timeoutMs: number }
  | { readonly type: "push"; readonly bytes: Uint8Array };

export class ExtensionStreams {
  readonly #codec: Codec;
  readonly #extensions: Extensions | undefined;
  readonly #open = new Map<number, Exchange>();
  readonly #pushes = new Fifo<StreamRequest>();
  /** Below zero: Serf's are above. */
  #lastId = 0;

  constructor(codec: Codec, extensions: Extensions | undefined) {
    this.#codec = codec;
    this.#extensions = extensions;
  }

  has(id: number): boolean {
    return id < 0;
  }

  poll(): StreamRequest | undefined {
    const push = this.#pushes.shift();
    if (push !== undefined) return push;
    const wanted = this.#extensions?.pollStream();
    if (wanted === undefined) return undefined;
    const { id: stateId, to, timeoutMs } = wanted;
    return { ...this.#begin({ type: "ask", stateId, to, timeoutMs }), to, timeoutMs, reply: true };
  }

  payload(id: number): Uint8Array | undefined {
    const exchange = this.#open.get(id);
    if (exchange === undefined) return undefined;
    const payload = exchange.type === "push" ? exchange.bytes : this.#extensions?.streamPayload(exchange.stateId);
    return payload && this.#codec.encodeStream({ type: MessageType.user, payload }, true);
  }

  /** What an accepted stream brought. */
  onRequest(from: Endpoint, bytes: Uint8Array, now: number): StreamReply {
    const payload = this.#extensions?.handleStreamMessage(bytes, from, now);
    return { bytes: payload && this.#codec.encodeStream({ type: MessageType.user, payload }, false) };
  }

  onReply(id: number, message: StreamMessage, now: number): void {
    const exchange = this.#open.get(id);
    this.#open.delete(id);
    if (exchange?.type !== "ask") return;
    const { stateId, to, timeoutMs } = exchange;
    if (message.type !== MessageType.user) {
      this.#extensions?.handleStreamEnd(stateId);
      return;
    }
    const bytes = this.#extensions?.handleStreamReply(stateId, message.payload, to, now);
    if (bytes !== undefined) {
      this.#pushes.push({ ...this.#begin({ type: "push", bytes }), to, timeoutMs, reply: false });
    }
  }

  onEnd(id: number): void {
    const exchange = this.#open.get(id);
    this.#open.delete(id);
    if (exchange?.type === "ask") this.#extensions?.handleStreamEnd(exchange.stateId);
  }

  #begin(exchange: Exchange): { readonly id: number; readonly kind: "user" } {
    const id = --this.#lastId;
    this.#open.set(id, exchange);
    return { id, kind: "user" };
  }
}
