/** One machine alone on a bench: messages in by hand, what it sends out read back as records, time moved by hand. */
import {
  type Alive,
  type Endpoint,
  lanConfig,
  type PacketMessage,
  Rng,
  type StreamRequest,
  Swim,
  type SwimConfig,
  type SwimEvent,
  type SwimOptions,
} from "../packages/core/src/index.ts";
import { createCodec } from "../packages/wire/src/index.ts";

export interface Sent {
  readonly to: string;
  /** The messages of the packet, in order, copied. */
  readonly messages: PacketMessage[];
}

/** The event that `T` belongs to; some events share one shape under several types. */
type EventOf<T, E = SwimEvent> = E extends { readonly type: infer K } ? (T extends K ? E : never) : never;

export class Solo {
  readonly codec = createCodec({});
  readonly swim: Swim;
  readonly events: SwimEvent[] = [];
  readonly sent: Sent[] = [];
  readonly streams: StreamRequest[] = [];
  now = 0;

  constructor(config: Partial<SwimConfig> = {}, options: Partial<SwimOptions> = {}) {
    this.swim = new Swim({
      name: "me",
      addr: Uint8Array.of(127, 0, 0, 1),
      port: 7946,
      // Quiet unless a test asks: no push/pull of its own accord.
      config: { ...lanConfig, pushPullIntervalMs: 0, settleIntervalMs: 0, reconnectIntervalMs: 0, ...config },
      codec: this.codec,
      rng: new Rng(42),
      ...options,
    });
    this.swim.start(0);
    this.drain();
    this.sent.length = 0;
    this.events.length = 0;
  }

  /** A member at 127.0.0.`n`:7946 says that it is alive. */
  meet(n: number, overrides: Partial<Alive> = {}): void {
    this.receive(aliveOf(n, overrides));
  }

  receive(message: PacketMessage, from: Endpoint = { address: "127.0.0.2", port: 7946 }): void {
    this.swim.handlePacket(from, this.codec.encode(message), this.now);
    this.drain();
  }

  /** Moves to `ms` later, firing each deadline at its time. */
  advance(ms: number): void {
    const end = this.now + ms;
    while (this.swim.nextDeadline() <= end) {
      this.now = Math.max(this.now, this.swim.nextDeadline());
      this.swim.handleTimeout(this.now);
      this.drain();
    }
    this.now = end;
  }

  /** Until `done`, at most `limitMs`. */
  advanceUntil(done: () => boolean, limitMs = 60_000): void {
    const end = this.now + limitMs;
    while (!done()) {
      const next = this.swim.nextDeadline();
      if (next > end) throw new Error(`nothing of the kind within ${limitMs} ms`);
      this.now = Math.max(this.now, next);
      this.swim.handleTimeout(this.now);
      this.drain();
    }
  }

  /** A call that comes late: the process stood still for `ms`. */
  stall(ms: number): void {
    this.now += ms;
    this.swim.handleTimeout(this.now);
    this.drain();
  }

  drain(): void {
    const out = { buffer: new Uint8Array(this.codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
    while (this.swim.pollTransmit(out)) {
      const messages: PacketMessage[] = [];
      const keep = (message: PacketMessage) => messages.push(structuredClone({ ...message }));
      this.codec.openPacket(out.buffer.subarray(0, out.length), {
        onPing: keep,
        onIndirectPing: keep,
        onAck: keep,
        onNack: keep,
        onSuspect: keep,
        onDead: keep,
        onAlive: keep,
        onUser: keep,
        onDrop: (reason) => {
          throw new Error(`sent something unreadable: ${reason}`);
        },
      });
      this.sent.push({ to: `${out.to.address}:${out.to.port}`, messages });
    }
    for (let request = this.swim.pollStream(); request; request = this.swim.pollStream()) this.streams.push(request);
    for (let event = this.swim.pollEvent(); event; event = this.swim.pollEvent()) this.events.push(event);
  }

  /** All messages of one type sent so far. */
  sentOf<T extends PacketMessage["type"]>(type: T): Extract<PacketMessage, { type: T }>[] {
    return this.sent.flatMap(({ messages }) =>
      messages.filter((message): message is Extract<PacketMessage, { type: T }> => message.type === type),
    );
  }

  eventsOf<T extends SwimEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event) => event.type === type) as EventOf<T>[];
  }

  forget(): void {
    this.sent.length = 0;
    this.events.length = 0;
    this.streams.length = 0;
  }
}

export function aliveOf(n: number, overrides: Partial<Alive> = {}): Alive {
  return {
    type: 4,
    node: `n${n}`,
    incarnation: 1,
    addr: Uint8Array.of(127, 0, 0, n),
    port: 7946,
    meta: null,
    vsn: Uint8Array.of(1, 5, 2, 0, 0, 0),
    ...overrides,
  };
}
