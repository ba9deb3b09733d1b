/**
 * Inbox: what the messages of a packet are to this machine. The codec opens the packet and calls; each message goes to the
 * part whose story it is. Pings are answered here.
 */
import { type Claims, isOldNews } from "./claims.ts";
import type { Codec, PacketSink } from "./codec.ts";
import type { DropReason } from "./drop-reason.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  type Ack,
  type Alive,
  type Dead,
  type IndirectPing,
  MemberState,
  MessageType,
  type Nack,
  type Ping,
  type Suspect,
  type UserPacket,
} from "./messages.ts";
import { equalBytes } from "./names.ts";
import type { Prober } from "./probe.ts";
import type { PushPuller } from "./push-pull.ts";
import type { Reclaimer } from "./reclaim.ts";
import { answerTo, type Relays } from "./relay.ts";
import type { Shared } from "./shared.ts";

/** Most that a message's other fields and the packet's framing take: two names of 255 bytes, a label, keys, headers. */
const framingBytes = 900;

/** Whether a message with so many bytes of its own can be sent in a packet, names and framing included. */
export function fitsPacket(codec: Codec, bytes: number): boolean {
  return bytes <= maxFitting(codec);
}

/** The most bytes of its own that a message in a packet may have. */
export function maxFitting(codec: Codec): number {
  return Math.max(0, codec.maxPacketBytes - codec.packetOverhead() - framingBytes);
}

export class Inbox implements PacketSink {
  /** Source of the packet being read. */
  from: Endpoint = { address: "", port: 0 };
  readonly #s: Shared;
  readonly #claims: Claims;
  readonly #prober: Prober;
  readonly #relays: Relays;
  readonly #pushPuller: PushPuller;
  readonly #reclaimer: Reclaimer;

  constructor(
    shared: Shared,
    claims: Claims,
    prober: Prober,
    relays: Relays,
    pushPuller: PushPuller,
    reclaimer: Reclaimer,
  ) {
    this.#s = shared;
    this.#claims = claims;
    this.#prober = prober;
    this.#relays = relays;
    this.#pushPuller = pushPuller;
    this.#reclaimer = reclaimer;
  }

  onPing(ping: Ping): void {
    const s = this.#s;
    if (ping.node !== "" && ping.node !== s.name) return;
    // A process of our own name asks whether the name is in use: it is, however unwell we are.
    if (!s.healthy && ping.sourceNode !== s.name) return;
    let payload = s.options.ackPayload?.() ?? null;
    if (payload && !fitsPacket(s.codec, payload.length)) payload = null;
    const id = ping.sourceNode === "" ? -1 : s.table.find(ping.sourceNode);
    const to = this.#answerTo(ping, id);
    s.send(to, { type: MessageType.ack, seqNo: ping.seqNo, payload }, true, s.table.isNamed(to.address));
    if (ping.sourceNode === "" || ping.sourceNode === s.name || s.leaving) return;
    // Somebody alive whom we miss, or think dead: gossip lost something, or the pool was split.
    if (id < 0 || s.table.state(id) === MemberState.dead) this.#pushPuller.onLivingStranger(to);
  }

  onIndirectPing(request: IndirectPing): void {
    this.#relays.onIndirectPing(request, this.from);
  }

  onAck(ack: Ack): void {
    if (this.#prober.onAck(ack.seqNo, ack.payload, this.from)) return;
    if (this.#relays.onAck(ack.seqNo)) return;
    if (this.#reclaimer.onAck(ack.seqNo)) return;
    this.#s.drop("unknown-ack", this.from);
  }

  onNack(nack: Nack): void {
    if (!this.#prober.onNack(nack.seqNo, this.from)) this.#s.drop("unknown-ack", this.from);
  }

  onSuspect(suspect: Suspect): void {
    if (isOldNews(suspect, this.#s.table)) return;
    this.#claims.applySuspect(suspect.incarnation, suspect.node, suspect.from, this.from, suspect);
  }

  onDead(dead: Dead): void {
    if (isOldNews(dead, this.#s.table)) return;
    this.#claims.applyDead(dead.incarnation, dead.node, dead.from, this.from, dead);
  }

  onAlive(alive: Alive): void {
    this.#claims.applyAlive(alive, this.from);
  }

  onUser(message: UserPacket): void {
    const { address, port } = this.from;
    this.#s.events.push({ type: "user-message", payload: message.payload.slice(), from: { address, port } });
  }

  isOldNews(gist: number): boolean {
    const { names, listener } = this.#s.table;
    return names.hearing.isOld(listener, gist);
  }

  onDrop(reason: DropReason): void {
    this.#s.drop(reason, this.from);
  }

  /** As `answerTo`, but without building text for the address of a member we know (`id`). */
  #answerTo(ping: Ping, id: number): Endpoint {
    if (id >= 0 && ping.sourceAddr) {
      const record = this.#s.table.record(id);
      if (record.port === ping.sourcePort && equalBytes(record.addr, ping.sourceAddr)) return record.endpoint;
    }
    return answerTo(ping.sourceAddr, ping.sourcePort, this.from);
  }
}
