/**
 * Drives one machine with real sockets and time: hands in what happens, drains what it wants, wakes it when it asks.
 * Knows nothing of what the machine does. The simulator drives the same machines without any of this.
 *
 * Rules it keeps:
 * - the machine is never entered while it is on the stack: it is left, then drained. Who is asked something by the machine
 *   (a delegate) cannot wish anything before it has answered;
 * - per packet nothing is allocated here, and no promise or closure made;
 * - `close` leaves neither socket nor timer nor listener behind.
 */

import type { RemoteInfo } from "node:dgram";
import type {
  DropReason,
  Endpoint,
  Machine,
  StreamFailure,
  StreamMessage,
  StreamReply,
  StreamRequest,
} from "@hearsay/core";
import { reentrantError } from "./errors.ts";
import { defaultInboundLimits, InboundStreams } from "./inbound-streams.ts";
import { OutboundStreams } from "./outbound-streams.ts";
import { type SendFailureSink, type SendPool, sharedSendPool } from "./packet-sender.ts";
import type { Alarm, Scheduler } from "./scheduler.ts";
import { sharedScheduler } from "./scheduler.ts";
import { closeSockets, plainAddress, type Sockets } from "./sockets.ts";

export interface DriverOptions<E> {
  readonly machine: Machine<E>;
  /** Owned by the driver from here on. */
  readonly sockets: Sockets;
  /** For accepted streams: ms. */
  readonly streamTimeoutMs: number;
  /**
   * Called between the machine's steps, in order of happening. May call `run`; must not throw.
   */
  onEvent(event: E): void;
  /** Called whenever the machine has been drained after something happened. May call `run`; must not throw. */
  onDrained?(): void;
  /** The machine threw: a bug, and its state cannot be trusted. The driver has stopped calling it. */
  onFailure(error: unknown): void;
  /** A socket's own complaint that ends nothing (such as no file descriptor left for accepting). */
  onSocketError?(error: Error): void;
  readonly scheduler?: Scheduler;
  readonly pool?: SendPool;
  readonly maxInboundStreams?: number;
  readonly maxInboundBytes?: number;
}

export interface DriverCounters {
  packetsSent: number;
  packetsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Packets the system refused, or that found the socket's queue full. */
  sendFailures: number;
  /** Streams dialled and accepted. */
  streamsSent: number;
  streamsReceived: number;
}

/** A stream failure's system word, kept while the machine hears of the failure, for whoever reads its event. */
export interface StreamFailureDetail {
  readonly to: Endpoint;
  readonly reason: StreamFailure | undefined;
  readonly detail: string | undefined;
}

export class Driver<E> implements SendFailureSink {
  readonly machine: Machine<E>;
  readonly counters: DriverCounters = {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    sendFailures: 0,
    streamsSent: 0,
    streamsReceived: 0,
  };
  /** Where the packet or stream being handled comes from; undefined otherwise. Borrowed. */
  source: Endpoint | undefined;
  /** Set while events about a failed stream are delivered. */
  streamFailure: StreamFailureDetail | undefined;

  readonly #options: DriverOptions<E>;
  readonly #sockets: Sockets;
  readonly #scheduler: Scheduler;
  readonly #pool: SendPool;
  readonly #alarm: Alarm;
  readonly inbound: InboundStreams;
  readonly #outbound: OutboundStreams;
  /** Endpoints of streams asked for, by id, until they end. */
  readonly #dialled = new Map<number, Endpoint>();
  /** The machine is on the stack. Reset by what comes next, draining or failing. */
  #busy = false;
  #draining = false;
  #drainAgain = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: DriverOptions<E>) {
    this.#options = options;
    this.machine = options.machine;
    this.#sockets = options.sockets;
    this.#scheduler = options.scheduler ?? sharedScheduler();
    this.#pool = options.pool ?? sharedSendPool();
    this.#alarm = this.#scheduler.add(this.#onAlarm);
    this.inbound = new InboundStreams(
      options.sockets.tcp,
      this.machine.codec,
      { request: this.#onRequest, requestError: this.#onRequestError },
      {
        maxStreams: options.maxInboundStreams ?? defaultInboundLimits.maxStreams,
        maxBytes: options.maxInboundBytes ?? defaultInboundLimits.maxBytes,
        timeoutMs: options.streamTimeoutMs,
      },
    );
    this.#outbound = new OutboundStreams(this.machine.codec, {
      payload: this.#onPayload,
      reply: this.#onReply,
      end: this.#onEnd,
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Monotonic ms, the machine's clock. */
  now(): number {
    return this.#scheduler.time.now();
  }

  /** Starts the machine and listens to the sockets. Once. */
  start(): void {
    const { udp, tcp } = this.#sockets;
    udp.on("message", this.#sockets.family === 6 ? this.#onMessage6 : this.#onMessage);
    udp.on("error", this.#onSocketError);
    tcp.on("error", this.#onSocketError);
    this.#busy = true;
    try {
      // What fails here is the starter's to hear; nobody else listens yet.
      this.machine.start(this.now());
      this.#drain();
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Carries a wish into the machine (`wish` calls it with `now`), then drains. What the wish throws is the caller's.
   * @throws NodeError REENTRANT, when called by what the machine itself has called and waits for
   */
  run<T>(wish: (now: number) => T): T {
    if (this.#busy) throw reentrantError();
    this.#busy = true;
    let result: T;
    try {
      result = wish(this.now());
    } finally {
      this.#busy = false;
    }
    try {
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    return result;
  }

  /**
   * Closes sockets and streams at once; the machine is not called any more. Resolves when all of it is gone. Again:
   * the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For the send pool. */
  sendFailed(to: Endpoint, _error: Error): void {
    if (this.#closed) return;
    this.counters.sendFailures++;
    this.#busy = true;
    try {
      this.machine.handleSendFailure(to, this.now());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#alarm.close();
    const { udp, tcp } = this.#sockets;
    udp.off("message", this.#onMessage);
    udp.off("message", this.#onMessage6);
    this.inbound.close();
    this.#outbound.close();
    this.#dialled.clear();
    await closeSockets(this.#sockets);
    udp.off("error", this.#onSocketError);
    tcp.off("error", this.#onSocketError);
  }

  readonly #onMessage = (bytes: Buffer, from: RemoteInfo): void => {
    if (this.#closed) return;
    this.#scheduler.inputs++;
    this.counters.packetsReceived++;
    this.counters.bytesReceived += bytes.length;
    this.source = from;
    this.#busy = true;
    try {
      const now = this.now();
      this.machine.handlePacket(from, bytes, now);
      // What was put off so that a wake-up is shared need not wait for another one: this is one.
      if (this.#alarm.isPutOff(now)) this.machine.handleTimeout(now);
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.source = undefined;
  };

  readonly #onMessage6 = (bytes: Buffer, from: RemoteInfo): void => {
    // The record is made for this call, so it can be put right in place.
    from.address = plainAddress(from.address);
    this.#onMessage(bytes, from);
  };

  readonly #onAlarm = (now: number): void => {
    if (this.#closed) return;
    this.#busy = true;
    try {
      this.machine.handleTimeout(now);
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onSocketError = (error: Error): void => {
    this.#options.onSocketError?.(error);
  };

  readonly #onRequest = (from: Endpoint, message: StreamMessage): StreamReply => {
    if (this.#closed) return noReply;
    this.#scheduler.inputs++;
    this.counters.streamsReceived++;
    this.source = from;
    let reply = noReply;
    this.#busy = true;
    try {
      reply = this.machine.handleStreamRequest(from, message, this.now());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.source = undefined;
    return reply;
  };

  readonly #onRequestError = (from: Endpoint, reason: DropReason): StreamReply => {
    if (this.#closed) return noReply;
    this.source = from;
    let reply = noReply;
    this.#busy = true;
    try {
      reply = this.machine.handleStreamRequestError(from, reason, this.now());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.source = undefined;
    return reply;
  };

  readonly #onPayload = (id: number): Uint8Array | undefined => {
    if (this.#closed) return undefined;
    this.#busy = true;
    try {
      const bytes = this.machine.streamPayload(id, this.now());
      this.#drain();
      return bytes;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  };

  readonly #onReply = (id: number, message: StreamMessage): void => {
    if (this.#closed) return;
    this.#scheduler.inputs++;
    this.source = this.#dialled.get(id);
    this.#dialled.delete(id);
    this.#busy = true;
    try {
      this.machine.handleStreamReply(id, message, this.now());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.source = undefined;
  };

  readonly #onEnd = (id: number, reason: StreamFailure | undefined, detail: string | undefined): void => {
    const to = this.#dialled.get(id);
    this.#dialled.delete(id);
    if (this.#closed || !to) return;
    this.streamFailure = { to, reason, detail };
    this.#busy = true;
    try {
      this.machine.handleStreamEnd(id, reason, this.now());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.streamFailure = undefined;
  };

  #fail(error: unknown): void {
    this.#busy = false;
    if (this.#closed) return;
    void this.close();
    this.#options.onFailure(error);
  }

  #drain(): void {
    this.#busy = false;
    // An event's listener has called the machine: the drain below it on the stack goes round again.
    if (this.#draining) {
      this.#drainAgain = true;
      return;
    }
    this.#draining = true;
    const { machine } = this;
    const { onEvent } = this.#options;
    try {
      do {
        this.#drainAgain = false;
        this.#busy = true;
        this.#transmitAll();
        for (let request: StreamRequest | undefined; (request = machine.pollStream()); ) this.#dial(request);
        this.#busy = false;
        for (let event: E | undefined; !this.#closed && (event = machine.pollEvent()) !== undefined; ) onEvent(event);
        if (!this.#drainAgain) this.#options.onDrained?.();
      } while (this.#drainAgain && !this.#closed);
    } finally {
      this.#draining = false;
    }
    if (!this.#closed) this.#setAlarm();
  }

  #setAlarm(): void {
    const { machine } = this;
    const deadline = machine.nextDeadline();
    this.#alarm.set(deadline, machine.latestWake(), machine.latestWakeAlone?.() ?? deadline);
  }

  #transmitAll(): void {
    const { machine, counters } = this;
    const pool = this.#pool;
    const { udp, family } = this.#sockets;
    pool.reserve(machine.codec.maxPacketBytes);
    while (!this.#closed && machine.pollTransmit(pool.packet)) {
      if (pool.send(udp, family, this)) {
        counters.packetsSent++;
        counters.bytesSent += pool.packet.length;
      } else {
        counters.sendFailures++;
      }
    }
  }

  #dial(request: StreamRequest): void {
    if (this.#closed) return;
    this.counters.streamsSent++;
    this.#dialled.set(request.id, request.to);
    this.#outbound.start(request);
  }
}

const noReply: StreamReply = { bytes: undefined };
