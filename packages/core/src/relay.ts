/**
 * Relaying: pinging somebody on behalf of another, and passing on the ack, or a nack when none comes in time
 * (reference 12.3). Bounded: a flood of requests is refused, not queued.
 */
import { addressText, type Endpoint } from "./endpoint.ts";
import { type IndirectPing, MessageType, type Ping } from "./messages.ts";
import type { Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/**
 * When the nack goes out, as a share of the probe timeout. memberlist waits for all of it, and with its own LAN settings
 * the nack then comes a moment after the asker has judged; Lifeguard's 80 % is in time. A later ack still goes on.
 */
const nackShare = 0.8;

/** Pings under way for others. */
const maxRelays = 1024;

interface PendingRelay {
  readonly requester: Endpoint;
  readonly theirSeqNo: number;
  /** Still owed. */
  nack: boolean;
  readonly until: number;
}

export class Relays {
  readonly #s: Shared;
  readonly #pending = new Map<number, PendingRelay>();

  constructor(shared: Shared) {
    this.#s = shared;
  }

  /** Somebody asks us to ping the target of `request`. The request's own source fields say where the answer goes. */
  onIndirectPing(request: IndirectPing, from: Endpoint): void {
    const s = this.#s;
    const address = request.target ? addressText(request.target) : "";
    if (address === "") {
      s.drop("address-length", from);
      return;
    }
    if (this.#pending.size >= maxRelays) {
      s.drop("relay-limit", from);
      return;
    }
    s.counters.relays++;
    const seqNo = s.nextSeqNo();
    this.#pending.set(seqNo, {
      requester: answerTo(request.sourceAddr, request.sourcePort, from),
      theirSeqNo: request.seqNo,
      nack: request.nack,
      until: s.now + s.config.probeTimeoutMs,
    });
    s.timers.set(TimerKind.relay, seqNo, s.now + s.config.probeTimeoutMs * (request.nack ? nackShare : 1));
    const ping: Ping = {
      type: MessageType.ping,
      seqNo,
      node: request.node,
      sourceAddr: s.options.addr,
      sourcePort: s.options.port,
      sourceNode: s.name,
    };
    const port = request.port === 0 ? (s.options.bindPort ?? s.options.port) : request.port;
    s.send({ address, port }, ping, true, s.table.isNamed(address));
  }

  /** An ack with the number of one of our relayed pings; false when it is not. */
  onAck(seqNo: number): boolean {
    const relay = this.#take(seqNo);
    if (!relay) return false;
    const s = this.#s;
    const ack = { type: MessageType.ack, seqNo: relay.theirSeqNo, payload: null };
    s.send(relay.requester, ack, true, s.table.isNamed(relay.requester.address));
    return true;
  }

  onTimeout(seqNo: number): void {
    const s = this.#s;
    const relay = this.#pending.get(seqNo);
    if (!relay?.nack) {
      this.#pending.delete(seqNo);
      return;
    }
    relay.nack = false;
    s.timers.set(TimerKind.relay, seqNo, Math.max(s.now, relay.until));
    const nack = { type: MessageType.nack, seqNo: relay.theirSeqNo };
    s.send(relay.requester, nack, true, s.table.isNamed(relay.requester.address));
  }

  #take(seqNo: number): PendingRelay | undefined {
    const relay = this.#pending.get(seqNo);
    if (!relay) return undefined;
    this.#pending.delete(seqNo);
    this.#s.timers.clear(TimerKind.relay, seqNo);
    return relay;
  }
}

/** Where the answer to a ping goes: to its source fields if both are set, else to where the packet came from. */
export function answerTo(sourceAddr: Uint8Array | null, sourcePort: number, from: Endpoint): Endpoint {
  const address = sourceAddr && sourcePort !== 0 ? addressText(sourceAddr) : "";
  // `from` is lent for the call, so it is copied.
  return address === "" ? { address: from.address, port: from.port } : { address, port: sourcePort };
}
