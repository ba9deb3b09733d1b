/**
 * What only capable nodes tell each other, as one bundle: the state machine, counters, aggregates and heartbeats, each of
 * which knows nothing of the others. Here is who may be spoken to, whose machine a message is for, and what they want
 * sent. Knows nothing of Serf.
 */
import type { Endpoint, Rng } from "@hearsay/core";
import {
  Aggregates,
  aggregateMessageType,
  CounterSync,
  CounterTable,
  counterMessageType,
  HeartbeatWatch,
  ReplicatedState,
  type StateStreamRequest,
  stateMessageType,
} from "@hearsay/state";
import { Capability } from "./capabilities.ts";
import { type CapablePeer, CapablePeers } from "./capable-peers.ts";
import { openEnvelope, Sealer, streamPushType } from "./envelope.ts";
import { heartbeatDefaults, phiOf } from "./heartbeats.ts";
import type { ExtendedEvent, ExtensionDropReason, ExtensionSettings } from "./types.ts";

export interface ExtensionContext {
  readonly name: string;
  readonly rng: Rng;
  /** Largest message that a packet of the usual size carries, envelope included: bytes. */
  readonly maxMessageBytes: number;
  onDrop(reason: ExtensionDropReason, from: Endpoint | undefined): void;
  onEvent(event: ExtendedEvent): void;
  /** A member's silence has become suspicious. */
  onSilent(name: string, phi: number, silentMs: number): void;
}

/** A message to be sent by packet. */
export interface ExtensionPacket {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

export class Extensions {
  readonly state: ReplicatedState;
  readonly counters: CounterTable;
  readonly aggregates: Aggregates;
  /** Drives the state, and listens to the heartbeats in it. */
  readonly heartbeats: HeartbeatWatch;
  readonly peers = new CapablePeers();
  /** Messages that went by packet, of all machines here; with the envelope. */
  readonly traffic = { packetsSent: 0, bytesSent: 0, packetsReceived: 0, bytesReceived: 0 };
  readonly #counterSync: CounterSync;
  readonly #context: ExtensionContext;
  readonly #sealer: Sealer;
  readonly #scratch: { buffer: Uint8Array; length: number; to: Endpoint };

  constructor(settings: ExtensionSettings, context: ExtensionContext) {
    const { name, rng } = context;
    const { detector = "swim" } = settings;
    this.#context = context;
    this.#sealer = new Sealer(name);
    const maxPacketBytes = Math.max(512, context.maxMessageBytes - this.#sealer.overhead);
    const state = { ...heartbeatDefaults(detector), ...settings.state };
    this.state = new ReplicatedState({
      name,
      generation: settings.generation,
      rng: rng.fork("extension-state"),
      config: { ...state, maxPacketBytes: Math.min(state.maxPacketBytes ?? maxPacketBytes, maxPacketBytes) },
    });
    this.counters = new CounterTable({ writer: name, life: settings.life, ...settings.counters });
    this.#counterSync = new CounterSync(this.counters, rng.fork("extension-counters"), 0, {
      ...settings.counters,
      maxPacketBytes: Math.min(settings.counters?.maxPacketBytes ?? maxPacketBytes, maxPacketBytes),
    });
    this.aggregates = new Aggregates(
      {
        count: () => this.peers.living(Capability.aggregates).length,
        pick: (chance) => this.peers.pick(Capability.aggregates, chance),
      },
      rng.fork("extension-aggregates"),
    );
    this.heartbeats = new HeartbeatWatch(this.state, phiOf(detector, settings.phi));
    this.#scratch = {
      buffer: new Uint8Array(this.state.config.maxPacketBytes),
      length: 0,
      to: { address: "", port: 0 },
    };
  }

  /** A capable member, or news of it. */
  setPeer(peer: CapablePeer, now: number): void {
    if (!this.peers.set(peer)) return;
    const { name, endpoint, can, alive } = peer;
    if (can.includes(Capability.state)) this.heartbeats.setPeer(name, endpoint, alive ? "alive" : "dead", now);
    else this.heartbeats.removePeer(name);
    if (!alive || !can.includes(Capability.aggregates)) this.aggregates.handleGone(name);
    this.#counterSync.setPeers(this.peers.living(Capability.counters));
  }

  /** A member that is no more, or not capable any longer. `forGood`: nobody of that name is expected back. */
  removePeer(name: string, forGood: boolean): void {
    if (forGood) this.counters.fold(name);
    if (!this.peers.delete(name)) return;
    this.heartbeats.removePeer(name);
    this.aggregates.handleGone(name);
    this.#counterSync.setPeers(this.peers.living(Capability.counters));
  }

  /** A message that came by packet. Bytes are borrowed. */
  handleMessage(bytes: Uint8Array, from: Endpoint | undefined, now: number): void {
    this.traffic.packetsReceived++;
    this.traffic.bytesReceived += bytes.length;
    const opened = this.#open(bytes, from);
    if (opened === undefined) return;
    const { peer, body } = opened;
    if (body[0] === stateMessageType) this.heartbeats.handlePacket(peer.endpoint, body, now);
    else if (body[0] === counterMessageType) this.#counterSync.handlePacket(peer.name, body);
    else if (body[0] === aggregateMessageType) this.aggregates.handlePacket(peer.name, body, now);
    else this.#context.onDrop("extension-unknown-type", from);
  }

  /** The message of an accepted stream; what to write back, if anything. */
  handleStreamMessage(bytes: Uint8Array, from: Endpoint, now: number): Uint8Array | undefined {
    const opened = this.#open(bytes, from);
    if (opened === undefined) return undefined;
    const { peer, body } = opened;
    if (body[0] === streamPushType) this.state.handleStreamPush(peer.endpoint, body.subarray(1), now);
    else if (body[0] === stateMessageType) {
      const answer = this.state.handleStreamRequest(peer.endpoint, body, now);
      return answer && this.#sealer.seal(answer);
    } else this.#context.onDrop("extension-unknown-type", from);
    return undefined;
  }

  pollStream(): StateStreamRequest | undefined {
    return this.state.pollStream();
  }

  streamPayload(id: number): Uint8Array | undefined {
    const payload = this.state.streamPayload(id);
    return payload && this.#sealer.seal(payload);
  }

  /** The answer on a stream asked for; what is returned is to be written on another one, to the same node. */
  handleStreamReply(id: number, bytes: Uint8Array, from: Endpoint, now: number): Uint8Array | undefined {
    const body = this.#open(bytes, from)?.body;
    const push = body?.[0] === stateMessageType ? this.state.handleStreamReply(id, body, now) : undefined;
    // What could not be read has ended it, too.
    this.state.handleStreamEnd(id);
    return push && this.#sealer.seal(push, true);
  }

  handleStreamEnd(id: number): void {
    this.state.handleStreamEnd(id);
  }

  handleTimeout(now: number): void {
    if (now >= this.heartbeats.nextDeadline()) this.heartbeats.handleTimeout(now);
    if (this.#hasCounters && now >= this.#counterSync.nextDeadline()) this.#counterSync.handleTimeout(now);
    if (now >= this.aggregates.nextDeadline()) this.aggregates.handleTimeout(now);
    for (const { name, suspected, phi } of this.heartbeats.sweep(now)) {
      if (suspected) this.#context.onSilent(name, phi, this.heartbeats.inspect(name, now)?.silentMs ?? 0);
    }
  }

  nextDeadline(): number {
    return Math.min(
      this.heartbeats.nextDeadline(),
      this.#hasCounters ? this.#counterSync.nextDeadline() : Number.POSITIVE_INFINITY,
      this.aggregates.nextDeadline(),
    );
  }

  /** Until when that may be put off: monotonic ms. @param slackMs for what somebody waits for; rounds may wait longer */
  latestWake(slackMs: number): number {
    return Math.min(
      this.heartbeats.latestWake(slackMs),
      this.#hasCounters ? this.#counterSync.latestWake(slackMs) : Number.POSITIVE_INFINITY,
      this.aggregates.nextDeadline() + slackMs,
    );
  }

  /** Hands on what the machines report. To be called after each of the calls above. */
  drain(): void {
    for (let event = this.heartbeats.pollEvent(); event; event = this.heartbeats.pollEvent()) {
      if (event.type !== "heartbeat") this.#context.onEvent(event);
    }
  }

  /** The next packet, or undefined. */
  pollPacket(): ExtensionPacket | undefined {
    const scratch = this.#scratch;
    if (this.state.pollTransmit(scratch)) {
      return this.#sealed(scratch.to, scratch.buffer.subarray(0, scratch.length));
    }
    for (const machine of [this.#counterSync, this.aggregates]) {
      for (let packet = machine.pollTransmit(); packet; packet = machine.pollTransmit()) {
        const to = this.peers.find(packet.to)?.endpoint;
        if (to !== undefined) return this.#sealed(to, packet.bytes);
      }
    }
    return undefined;
  }

  /** What was refused, how often, by machine and reason; what never happened is left out. */
  drops(): Record<string, number> {
    const { gap, full, own, malformed, unsent } = this.#counterSync.stats;
    const all = [
      ...Array.from(this.state.counters.drops, ([reason, n]) => [`state: ${reason}`, n] as const),
      ...named("counters", { gap, full, own, malformed, unsent }),
      ...named("aggregates", this.aggregates.drops()),
    ];
    return Object.fromEntries(all.filter(([, n]) => n > 0));
  }

  #sealed(to: Endpoint, body: Uint8Array): ExtensionPacket {
    const bytes = this.#sealer.seal(body);
    this.traffic.packetsSent++;
    this.traffic.bytesSent += bytes.length;
    return { to, bytes };
  }

  /** Where nobody has counted anything there is nothing to compare; who has will ask. */
  get #hasCounters(): boolean {
    return !this.counters.isEmpty;
  }

  #open(bytes: Uint8Array, from: Endpoint | undefined): { peer: CapablePeer; body: Uint8Array } | undefined {
    const envelope = openEnvelope(bytes);
    if (envelope === undefined) {
      this.#context.onDrop("extension-malformed", from);
      return undefined;
    }
    const peer = this.peers.find(envelope.sender);
    if (peer !== undefined) return { peer, body: envelope.body };
    this.#context.onDrop("extension-stranger", from);
    return undefined;
  }
}

function named(machine: string, drops: Record<string, number>): (readonly [string, number])[] {
  return Object.entries(drops).map(([reason, n]) => [`${machine}: ${reason}`, n]);
}
