/**
 * Answers to queries, and other people's answers handed on: straight to the asker, and by way of a few other members
 * when the query asks for it (serf protocol notes, sections 9.4 and 9.5).
 */
import { addressText, type Endpoint, type MemberView, type Rng } from "@hearsay/core";
import { Reader } from "@hearsay/wire";
import { readRelay } from "./decode.ts";
import { encodeQueryResponse, encodeRelay } from "./encode.ts";
import { type Query, responseAckFlag } from "./messages.ts";
import type { SerfDropReason } from "./types.ts";

export interface ResponseActions {
  /** Sends a Serf message to one address, outside gossip. */
  send(to: Endpoint, message: Uint8Array): void;
  /** Everybody known, whatever the status. */
  memberCount(): number;
  /** The members that are alive, ourselves included. */
  present(): MemberView[];
  /** The member of this name, if there is one; all for no name. */
  known(name: string): readonly MemberView[];
  /** The longest message that a packet can carry. */
  maxMessageBytes(): number;
  onDrop(reason: SerfDropReason): void;
}

/** Relaying needs a member that speaks this version of memberlist. */
const relayVersion = 5;

export class Responses {
  readonly #self: string;
  readonly #rng: Rng;
  readonly #sizeLimit: number;
  readonly #actions: ResponseActions;

  constructor(self: string, rng: Rng, sizeLimit: number, actions: ResponseActions) {
    this.#self = self;
    this.#rng = rng;
    this.#sizeLimit = sizeLimit;
    this.#actions = actions;
  }

  /** Tells the asker that we have its query. */
  acknowledge(query: Query): void {
    this.#send(query, responseAckFlag, null);
  }

  /** Answers. An answer over the size limit is not sent; returns whether it was. */
  respond(query: Query, payload: Uint8Array): boolean {
    return this.#send(query, 0, payload);
  }

  /**
   * Hands a wrapped message on to the member it is for. Unlike Serf, to members only: else anybody could have his bytes
   * sent to any address in our name.
   */
  handleRelay(message: Uint8Array): void {
    const reader = new Reader(message, 1);
    const relay = readRelay(reader);
    if (!reader.ok || relay.message.length === 0) {
      this.#actions.onDrop("serf-malformed");
      return;
    }
    // What no packet can carry is no query's answer: those are far smaller.
    if (relay.message.length > this.#actions.maxMessageBytes()) {
      this.#actions.onDrop("serf-relay");
      return;
    }
    const to = endpointOf(relay.addr, relay.port);
    const known = this.#actions.known(relay.destName);
    if (!to || !known.some((one) => one.port === to.port && one.endpoint.address === to.address)) {
      this.#actions.onDrop("serf-relay");
      return;
    }
    this.#actions.send(to, relay.message.slice());
  }

  #send(query: Query, flags: number, payload: Uint8Array | null): boolean {
    const to = endpointOf(query.addr, query.port);
    if (!to) {
      this.#actions.onDrop("serf-query-address");
      return false;
    }
    const message = encodeQueryResponse({ lTime: query.lTime, id: query.id, from: this.#self, flags, payload });
    if (message.length > this.#limit()) return false;
    this.#actions.send(to, message);
    this.#relay(query, message);
    return true;
  }

  /** Bytes: the configured limit, and never more than fits a packet. */
  #limit(): number {
    return Math.min(this.#sizeLimit, this.#actions.maxMessageBytes());
  }

  #relay(query: Query, message: Uint8Array): void {
    if (query.relayFactor === 0) return;
    if (this.#actions.memberCount() < query.relayFactor + 1) return;
    const wrapped = encodeRelay({
      addr: query.addr,
      port: query.port,
      zone: "",
      destName: query.sourceNode,
      message,
    });
    if (wrapped.length > this.#limit()) return;
    const helpers = this.#actions.present().filter((one) => one.name !== this.#self && one.vsn[1]! >= relayVersion);
    for (let i = 0; i < query.relayFactor && helpers.length > 0; i++) {
      const at = this.#rng.below(helpers.length);
      this.#actions.send(helpers[at]!.endpoint, wrapped);
      helpers[at] = helpers[helpers.length - 1]!;
      helpers.pop();
    }
  }
}

function endpointOf(addr: Uint8Array | null, port: number): Endpoint | undefined {
  const address = addr ? addressText(addr) : "";
  return address === "" || port === 0 ? undefined : { address, port };
}
