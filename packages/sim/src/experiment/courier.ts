/**
 * A machine of `state/` as a node of the world: what it sends travels as a packet by itself, its peers are the world's
 * nodes by number. Membership is no part of what is measured here: everybody reads the same list (`Roll`).
 */
import type { Codec, Endpoint, Machine, Rng, StreamReply, Transmit } from "@hearsay/core";
import { indexOf, NodeEndpoint } from "../node-endpoint.ts";
import { addressOf } from "../pool.ts";

/** What the machines of `state/` have in common. */
export interface Talker {
  handlePacket(from: string, bytes: Uint8Array, now: number): void;
  handleTimeout(now: number): void;
  nextDeadline(): number;
  pollTransmit(): { readonly to: string; readonly bytes: Uint8Array } | undefined;
}

const port = 7946;

export function nameOf(index: number): string {
  return `n${index}`;
}

/** Who is there, as all members see it: by number, and their endpoints. */
export class Roll {
  readonly endpoints: NodeEndpoint[] = [];
  /** Numbers of those held alive, in no order. */
  readonly present: number[] = [];
  readonly #places: number[] = [];

  /** Gives the next number. */
  add(): NodeEndpoint {
    const index = this.endpoints.length;
    const endpoint = new NodeEndpoint(addressOf(index).join("."), port, index);
    this.endpoints.push(endpoint);
    this.put(index);
    return endpoint;
  }

  /** One that was removed is back. */
  put(index: number): void {
    this.#places[index] = this.present.push(index) - 1;
  }

  remove(index: number): void {
    const place = this.#places[index]!;
    const last = this.present.pop()!;
    if (last === index) return;
    this.present[place] = last;
    this.#places[last] = place;
  }

  /** Another one than `self`, each with the same chance. */
  pick(self: number, rng: Rng): string | undefined {
    if (this.present.length < 2) return undefined;
    for (;;) {
      const index = this.present[rng.below(this.present.length)]!;
      if (index !== self) return nameOf(index);
    }
  }
}

export class Courier<T extends Talker> implements Machine<never> {
  readonly codec: Codec;
  readonly talker: T;
  readonly #roll: Roll;

  constructor(talker: T, roll: Roll, codec: Codec) {
    this.talker = talker;
    this.#roll = roll;
    this.codec = codec;
  }

  /** The talker has been told of the beginning by its constructor. */
  start(): void {}

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.talker.handlePacket(nameOf(indexOf(from)), bytes, now);
  }

  handleTimeout(now: number): void {
    this.talker.handleTimeout(now);
  }

  pollTransmit(out: Transmit): boolean {
    const packet = this.talker.pollTransmit();
    if (packet === undefined) return false;
    out.buffer.set(packet.bytes);
    out.length = packet.bytes.length;
    out.to = this.#roll.endpoints[Number(packet.to.slice(1))]!;
    return true;
  }

  nextDeadline(): number {
    return this.talker.nextDeadline();
  }

  latestWake(): number {
    return this.nextDeadline();
  }

  // No streams, no events

  handleSendFailure(): void {}

  handleStreamRequest(): StreamReply {
    return { bytes: undefined };
  }

  handleStreamRequestError(): StreamReply {
    return { bytes: undefined };
  }

  streamPayload(): undefined {
    return undefined;
  }

  handleStreamReply(): void {}

  handleStreamEnd(): void {}

  pollStream(): undefined {
    return undefined;
  }

  pollEvent(): undefined {
    return undefined;
  }
}
