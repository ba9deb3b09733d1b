/** One Serf machine on a bench: messages in by hand, what it sends read back, time moved by hand. For tests only. */
import { type Endpoint, lanConfig, type PacketSink, Rng, type SwimConfig, type Transmit } from "@hearsay/core";
import { createCodec } from "@hearsay/wire";
import { Serf } from "../serf.ts";
import type { SerfEvent, SerfOptions } from "../types.ts";

export interface SentMessage {
  /** `address:port`. */
  readonly to: string;
  /** A Serf message, type byte first. */
  readonly message: Uint8Array;
}

export class Solo {
  readonly codec = createCodec();
  readonly serf: Serf;
  readonly events: SerfEvent[] = [];
  /** Serf messages it sent, in order; gossip comes several times. */
  readonly sent: SentMessage[] = [];
  /** Pings it sent, and payloads of its acks; `clear` does not forget them. */
  readonly pings: { readonly to: string; readonly seqNo: number }[] = [];
  readonly acks: (Uint8Array | null)[] = [];
  now = 0;

  constructor(options: Partial<SerfOptions> = {}, config: Partial<SwimConfig> = {}) {
    this.serf = new Serf({
      name: "n1",
      addr: Uint8Array.of(10, 0, 0, 1),
      port: 7946,
      // No exchanges of its own accord, and nobody is ever found dead.
      config: {
        ...lanConfig,
        probeIntervalMs: 0,
        pushPullIntervalMs: 0,
        settleIntervalMs: 0,
        reconnectIntervalMs: 0,
        ...config,
      },
      codec: this.codec,
      rng: new Rng(7),
      tags: { role: "web" },
      ...options,
    });
    this.serf.start(0);
    this.drain();
    this.clear();
  }

  /** n`host` at 10.0.0.`host` says that it is alive. `node`: under another name. */
  meet(host: number, overrides: { incarnation?: number; protocolMax?: number; node?: string } = {}): void {
    this.#packet({
      type: 4,
      incarnation: overrides.incarnation ?? 1,
      node: overrides.node ?? `n${host}`,
      addr: Uint8Array.of(10, 0, 0, host),
      port: 7946,
      meta: Uint8Array.of(0xff, 0x80),
      vsn: Uint8Array.of(1, overrides.protocolMax ?? 5, 2, 2, 5, 5),
    });
  }

  /** n`host` dies, or leaves as the detector understands it. */
  lose(host: number, left = false): void {
    this.#packet({ type: 5, incarnation: 1, node: `n${host}`, from: left ? `n${host}` : "n1" });
  }

  /** Whoever is at `10.0.0.host` answers the last ping that was sent there. */
  pong(host: number): void {
    const ping = this.pings.findLast(({ to }) => to === `10.0.0.${host}:7946`);
    if (!ping) throw new Error(`nobody pinged 10.0.0.${host}`);
    this.ack(ping.seqNo, new Uint8Array(0));
  }

  /** Somebody who is not known pings us. */
  ping(): void {
    this.#packet({ type: 0, seqNo: 1, node: "n1", sourceAddr: null, sourcePort: 0, sourceNode: "" });
  }

  /** A ping is acknowledged. */
  ack(seqNo: number, payload: Uint8Array | null): void {
    this.#packet({ type: 2, seqNo, payload });
  }

  /** A Serf message comes by gossip. */
  receive(message: Uint8Array): void {
    this.#packet({ type: 8, payload: message });
  }

  /** A peer's push/pull comes in with this Serf part; returns our Serf part of the answer. */
  exchange(userState: Uint8Array, join = false): Uint8Array {
    const from: Endpoint = { address: "10.0.0.2", port: 50_000 };
    const { bytes } = this.serf.handleStreamRequest(from, { type: 6, join, nodes: [], userState }, this.now);
    this.drain();
    const reader = this.codec.streamReader(false);
    const reply = bytes && (reader.push(bytes) ?? reader.end());
    if (!reply || !("type" in reply) || reply.type !== 6) throw new Error("no state in answer");
    return reply.userState;
  }

  /** Moves to `ms` later, firing each deadline at its time. */
  advance(ms: number): void {
    const end = this.now + ms;
    while (this.serf.nextDeadline() <= end) {
      this.now = Math.max(this.now, this.serf.nextDeadline());
      this.serf.handleTimeout(this.now);
      this.drain();
    }
    this.now = end;
    this.serf.handleTimeout(this.now);
    this.drain();
  }

  act<T>(wish: (serf: Serf, now: number) => T): T {
    const result = wish(this.serf, this.now);
    this.drain();
    return result;
  }

  /** Forgets what was sent and reported so far. */
  clear(): void {
    this.sent.length = 0;
    this.events.length = 0;
  }

  /** What was sent, each message once, however often and to whom. */
  distinct(type: number): Uint8Array[] {
    const seen = new Map<string, Uint8Array>();
    for (const { message } of this.sent) if (message[0] === type) seen.set(message.join(), message);
    return [...seen.values()];
  }

  drain(): void {
    const out: Transmit = {
      buffer: new Uint8Array(this.codec.maxPacketBytes),
      length: 0,
      to: { address: "", port: 0 },
    };
    while (this.serf.pollTransmit(out)) {
      const to = `${out.to.address}:${out.to.port}`;
      this.codec.openPacket(out.buffer.slice(0, out.length), this.#sink(to));
    }
    while (this.serf.pollStream()) {
      // Nobody answers here.
    }
    for (let event = this.serf.pollEvent(); event; event = this.serf.pollEvent()) this.events.push(event);
  }

  #packet(message: Parameters<typeof this.codec.encode>[0]): void {
    this.serf.handlePacket({ address: "10.0.0.2", port: 7946 }, this.codec.encode(message), this.now);
    this.drain();
  }

  #sink(to: string): PacketSink {
    const ignore = () => {};
    return {
      onPing: ({ seqNo }) => this.pings.push({ to, seqNo }),
      onIndirectPing: ignore,
      onAck: ({ payload }) => this.acks.push(payload?.slice() ?? null),
      onNack: ignore,
      onSuspect: ignore,
      onDead: ignore,
      onAlive: ignore,
      onUser: (message) => this.sent.push({ to, message: message.payload.slice() }),
      onDrop: (reason) => {
        throw new Error(`own packet refused: ${reason}`);
      },
    };
  }
}
