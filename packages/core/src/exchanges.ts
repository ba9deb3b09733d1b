/**
 * Exchanges: what goes over streams (reference section 8). The machine asks for one by id, the driver dials, and reply or
 * failure comes back by the same id. Here is who asked and what is done with the answer.
 */
import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { StreamFailure, StreamReply } from "./machine.ts";
import type { MergeResult, Merger } from "./merge.ts";
import { MessageType, type PushPull, type PushPullNode, type StreamMessage } from "./messages.ts";
import { emptyBytes } from "./names.ts";
import type { Shared } from "./shared.ts";

/** Exchanges under way at once, all purposes together. */
const maxOpen = 256;

const noReply: StreamReply = { bytes: undefined };

interface PushPullExchange {
  readonly kind: "push-pull";
  readonly to: Endpoint;
  readonly join: boolean;
  /** Sent in place of the whole list. */
  readonly nodes: readonly PushPullNode[] | undefined;
  readonly done: (error: string | undefined, result: MergeResult | undefined) => void;
}

interface PingExchange {
  readonly kind: "ping";
  readonly to: Endpoint;
  readonly node: string;
  readonly seqNo: number;
  readonly done: (failure: string | undefined) => void;
}

interface UserExchange {
  readonly kind: "user";
  readonly to: Endpoint;
  readonly payload: Uint8Array;
  readonly done: (failure: string | undefined) => void;
}

type Exchange = PushPullExchange | PingExchange | UserExchange;

export class Exchanges {
  readonly #s: Shared;
  readonly #merger: Merger;
  readonly #open = new Map<number, Exchange>();

  constructor(shared: Shared, merger: Merger) {
    this.#s = shared;
    this.#merger = merger;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Full state exchange. `done` gets an error text, or what the merge did. `nodes`: what to send instead of all. */
  pushPull(
    to: Endpoint,
    join: boolean,
    done: (error: string | undefined, result: MergeResult | undefined) => void,
    nodes?: readonly PushPullNode[],
  ): void {
    if (this.#open.size >= maxOpen) {
      done("too many exchanges under way", undefined);
      return;
    }
    this.#s.counters.pushPulls++;
    this.#ask({ kind: "push-pull", to, join, nodes, done }, this.#s.config.streamTimeoutMs, true);
  }

  /** Ping on a stream. `done` gets undefined for an ack, else why there is none. */
  ping(
    to: Endpoint,
    node: string,
    seqNo: number,
    timeoutMs: number,
    done: (failure: string | undefined) => void,
  ): void {
    this.#ask({ kind: "ping", to, node, seqNo, done }, timeoutMs, true);
  }

  /** A user message on a stream; nothing comes back. */
  sendUser(to: Endpoint, payload: Uint8Array, done: (failure: string | undefined) => void): void {
    this.#ask({ kind: "user", to, payload, done }, this.#s.config.streamTimeoutMs, false);
  }

  payload(id: number): Uint8Array | undefined {
    const s = this.#s;
    const exchange = this.#open.get(id);
    switch (exchange?.kind) {
      case "push-pull":
        // What a list of one's own was to claim is void once we leave.
        if (exchange.nodes && s.leaving) {
          this.#open.delete(id);
          return undefined;
        }
        return s.codec.encodeStream(this.#localState(exchange.join, exchange.nodes), true);
      case "ping":
        return s.codec.encodeStream(
          {
            type: MessageType.ping,
            seqNo: exchange.seqNo,
            node: exchange.node,
            sourceAddr: s.options.addr,
            sourcePort: s.options.port,
            sourceNode: s.name,
          },
          true,
        );
      case "user":
        return s.codec.encodeStream({ type: MessageType.user, payload: exchange.payload }, true);
      default:
        return undefined;
    }
  }

  onReply(id: number, message: StreamMessage): void {
    const exchange = this.#open.get(id);
    if (!exchange) return;
    this.#open.delete(id);
    if (exchange.kind === "push-pull") {
      if (message.type === MessageType.pushPull) {
        const result = this.#merger.merge(message, exchange.to, exchange.join, true);
        this.#finishPushPull(exchange, result.refused, result);
      } else {
        const text =
          message.type === MessageType.err
            ? `${formatEndpoint(exchange.to)} refused: ${printable(message.error)}`
            : `${formatEndpoint(exchange.to)} answered with message type ${message.type} instead of its state`;
        this.#finishPushPull(exchange, text, undefined);
      }
    } else if (exchange.kind === "ping") {
      const isAck = message.type === MessageType.ack && message.seqNo === exchange.seqNo;
      exchange.done(isAck ? undefined : "unexpected answer");
    } else {
      exchange.done(undefined);
    }
  }

  onEnd(id: number, reason: StreamFailure | undefined): void {
    const exchange = this.#open.get(id);
    if (!exchange) return;
    this.#open.delete(id);
    if (exchange.kind === "push-pull") {
      this.#finishPushPull(exchange, explain(exchange.to, reason), undefined);
    } else if (exchange.kind === "ping") {
      exchange.done(reason ?? "closed");
    } else {
      exchange.done(reason);
    }
  }

  /** An accepted stream's message. Our own state is encoded before theirs takes effect. */
  onRequest(from: Endpoint, message: StreamMessage): { reply: StreamReply; merged: MergeResult | undefined } {
    const s = this.#s;
    switch (message.type) {
      case MessageType.pushPull: {
        const bytes = s.codec.encodeStream(this.#localState(message.join, undefined), false);
        const merged = this.#merger.merge(message, from, message.join, false);
        return { reply: { bytes }, merged };
      }
      case MessageType.ping: {
        const forUs = message.node === "" || message.node === s.name;
        // As for packets: who bears our name and asks is answered even when we are unwell.
        if (!forUs || (!s.healthy && message.sourceNode !== s.name)) return { reply: noReply, merged: undefined };
        const ack = { type: MessageType.ack, seqNo: message.seqNo, payload: null };
        return { reply: { bytes: s.codec.encodeStream(ack, false) }, merged: undefined };
      }
      case MessageType.user:
        if (message.payload.length > 0) s.events.push({ type: "user-message", payload: message.payload, from });
        return { reply: noReply, merged: undefined };
      default:
        s.drop("stream-unexpected", from);
        return { reply: noReply, merged: undefined };
    }
  }

  #localState(join: boolean, nodes: readonly PushPullNode[] | undefined): PushPull {
    return {
      type: MessageType.pushPull,
      join,
      nodes: nodes ? nodes.slice() : this.#merger.localNodes(),
      userState: nodes ? emptyBytes : (this.#s.options.localState?.(join) ?? emptyBytes),
    };
  }

  #ask(exchange: Exchange, timeoutMs: number, reply: boolean): void {
    const id = this.#s.nextId();
    this.#open.set(id, exchange);
    this.#s.streams.push({ id, kind: exchange.kind, to: exchange.to, timeoutMs, reply });
  }

  #finishPushPull(exchange: PushPullExchange, error: string | undefined, result: MergeResult | undefined): void {
    if (error !== undefined) this.#s.counters.pushPullFailures++;
    exchange.done(error, result);
  }
}

function explain(to: Endpoint, reason: StreamFailure | undefined): string {
  const where = formatEndpoint(to);
  switch (reason) {
    case undefined:
    case "closed":
      return `${where} closed the connection without an answer (another label, or too busy)`;
    case "refused":
      return `${where} cannot be reached (connection refused)`;
    case "connect":
      return `${where} cannot be reached`;
    case "timeout":
      return `${where} did not answer in time`;
    case "aborted":
      return "given up";
    case "not-encrypted":
      return `${where} answered unencrypted, which we do not accept (${reason})`;
    case "decrypt-failed":
      return `${where} answered encrypted, with a key that we do not have (${reason})`;
    default:
      return `${where} answered with something unreadable (${reason})`;
  }
}

/** A peer's text in one line of ours: bounded, without control characters. */
function printable(text: string): string {
  let clean = "";
  for (const character of text.slice(0, 200)) clean += character < " " || character === "\u007f" ? "?" : character;
  return clean;
}
