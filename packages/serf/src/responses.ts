/**
 * Answers to queries, and other people's answers handed on: straight to the asker, and by way of a few other members
 * when the query asks for it (serf protocol notes, sections 9.4 and 9.5).
 *
 * A query says itself where the answers go and how many shall be sent, and one query is answered by the whole pool. So
 * that nobody can turn a pool on a third party, unlike in Serf: answers go to members' addresses, and to others, as of
 * a newcomer or of the second holder of a name, only a few; a relay factor counts up to `maxRelayFactor`; and the packets
 * we send in relaying have a rate.
 */
import { addressText, type Endpoint, emptyBytes, type MemberView, type Rng } from "@hearsay/core";
import { Reader } from "@hearsay/wire";
import { readRelay } from "./decode.ts";
import { encodeQueryResponse, encodeRelay } from "./encode.ts";
import { type Query, responseAckFlag } from "./messages.ts";
import type { Peers } from "./peers.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { SerfDropReason } from "./types.ts";

export interface ResponseActions {
  /** Sends a Serf message to one address, outside gossip. */
  send(to: Endpoint, message: Uint8Array): void;
  /** How many are known, whatever the status. */
  memberCount(): number;
  /** Whether the member is here and not about to leave. */
  isPresent(member: MemberView): boolean;
  /** The longest message that is gossiped. */
  maxMessageBytes(): number;
  /** The longest message that `send` can send: a packet of its own may be larger than the gossiped ones. */
  maxDirectBytes(): number;
  onDrop(reason: SerfDropReason): void;
}

/** What of a query is needed to answer it. */
export type Addressee = Pick<Query, "lTime" | "id" | "addr" | "port" | "sourceNode" | "relayFactor">;

/** Relaying needs a member that speaks this version of memberlist. */
const relayVersion = 5;

/** Most relays for one answer; a query may ask for 255. */
export const maxRelayFactor = 8;

/** Answers to addresses that are no member's, a second and at once. */
const strangersPerSecond = 4;
const strangersAtOnce = 16;

/** Packets sent in relaying, our own answers and other people's, a second and at once. */
const relaysPerSecond = 512;
const relaysAtOnce = 1024;

export class Responses {
  readonly #self: string;
  readonly #rng: Rng;
  readonly #sizeLimit: number;
  readonly #peers: Peers;
  readonly #actions: ResponseActions;
  readonly #strangers = new TokenBucket(strangersPerSecond, strangersAtOnce);
  readonly #relays = new TokenBucket(relaysPerSecond, relaysAtOnce);

  constructor(self: string, rng: Rng, sizeLimit: number, peers: Peers, actions: ResponseActions) {
    this.#self = self;
    this.#rng = rng;
    this.#sizeLimit = sizeLimit;
    this.#peers = peers;
    this.#actions = actions;
  }

  /** Largest response that may be sent, encoded: bytes. The configured limit, and never more than can be sent. */
  get limit(): number {
    return Math.min(this.#sizeLimit, this.#actions.maxDirectBytes());
  }

  /** Whether a payload of so many bytes makes a response to this query within the limit. */
  fits(query: Addressee, payloadBytes: number): boolean {
    const head = encodeQueryResponse({ ...query, from: this.#self, flags: 0, payload: emptyBytes }).length - 1;
    return head + blobHeadBytes(payloadBytes) + payloadBytes <= this.limit;
  }

  /** Tells the asker that we have its query. */
  acknowledge(query: Addressee, now: number): void {
    this.#send(query, responseAckFlag, null, now);
  }

  /** Answers. Returns whether it was sent: not if it is over the size limit, or has no address that it may go to. */
  respond(query: Addressee, payload: Uint8Array, now: number): boolean {
    return this.#send(query, 0, payload, now);
  }

  /**
   * Hands a wrapped message on to the member it is for. Unlike Serf, to members only: else anybody could have his bytes
   * sent to any address in our name.
   */
  handleRelay(message: Uint8Array, now: number): void {
    const reader = new Reader(message, 1);
    const relay = readRelay(reader);
    if (!reader.ok || relay.message.length === 0) {
      this.#actions.onDrop("serf-malformed");
      return;
    }
    // No answer is larger where everybody has our limit, or the usual one.
    if (relay.message.length > Math.max(this.limit, this.#actions.maxMessageBytes())) {
      this.#actions.onDrop("serf-relay");
      return;
    }
    const to = endpointOf(relay.addr, relay.port);
    if (!to || !this.#peers.isAt(to, relay.destName, now)) {
      this.#actions.onDrop("serf-relay");
      return;
    }
    if (!this.#relays.take(now)) {
      this.#actions.onDrop("serf-relay-limit");
      return;
    }
    this.#actions.send(to, relay.message.slice());
  }

  #send(query: Addressee, flags: number, payload: Uint8Array | null, now: number): boolean {
    const to = endpointOf(query.addr, query.port);
    if (!to) {
      this.#actions.onDrop("serf-query-address");
      return false;
    }
    const message = encodeQueryResponse({ lTime: query.lTime, id: query.id, from: this.#self, flags, payload });
    if (message.length > this.limit) return false;
    if (!this.#peers.isAt(to, query.sourceNode, now) && !this.#strangers.take(now)) {
      this.#actions.onDrop("serf-query-address");
      return false;
    }
    this.#actions.send(to, message);
    this.#relay(query, message, now);
    return true;
  }

  #relay(query: Addressee, message: Uint8Array, now: number): void {
    if (query.relayFactor === 0) return;
    // Of what was asked for, as Serf: all of it or none.
    if (this.#actions.memberCount() < query.relayFactor + 1) return;
    const wrapped = encodeRelay({
      addr: query.addr,
      port: query.port,
      zone: "",
      destName: query.sourceNode,
      message,
    });
    // The direct copy is on its way: that the wrapped one is too long is no error, as it is with Serf, which tells it too
    // late for anybody to do something about it.
    if (wrapped.length > this.limit) return;
    const fit = (one: MemberView) =>
      one.name !== this.#self && one.vsn[1]! >= relayVersion && this.#actions.isPresent(one);
    const count = Math.min(query.relayFactor, maxRelayFactor, Math.floor(this.#relays.available(now)));
    for (const helper of this.#peers.pick(count, this.#rng, fit, now)) {
      this.#relays.take(now);
      this.#actions.send(helper.endpoint, wrapped);
    }
  }
}

function endpointOf(addr: Uint8Array | null, port: number): Endpoint | undefined {
  const address = addr ? addressText(addr) : "";
  return address === "" || port === 0 ? undefined : { address, port };
}

/** Bytes before a byte string of this length, in the raw family. */
function blobHeadBytes(length: number): number {
  if (length < 32) return 1;
  return length < 0x1_0000 ? 3 : 5;
}
