/**
 * Sends packets without allocating for each: buffers and completion records are kept and shared by all nodes of the
 * thread. `dgram` keeps the buffer it is given until the packet has left. Nearly always that is before `send` returns
 * (then the same buffer serves the next packet); when the kernel is full it is not, and the buffer stays with its
 * record until the callback.
 */

import type { Socket as UdpSocket } from "node:dgram";
import type { Endpoint, Transmit } from "@hearsay/core";
import { socketAddress } from "./sockets.ts";

/** Packets waiting in one socket beyond which further ones are dropped: a full queue only gets older. */
export const MAX_QUEUED_PACKETS = 1024;
/** Idle buffers and records kept; beyond, they are left to the collector. */
const MAX_IDLE = 256;

/** Told when the system refused a packet. */
export interface SendFailureSink {
  sendFailed(to: Endpoint, error: Error): void;
}

/** One packet under way. Its callback is made once and serves every packet the record is used for. */
class Sending {
  sink: SendFailureSink | undefined;
  to: Endpoint | undefined;
  /** Ours to give back after the callback; undefined when the packet left at once. */
  buffer: Uint8Array | undefined;
  readonly done: (error: Error | null) => void;

  constructor(pool: SendPool) {
    this.done = (error) => {
      const { sink, to, buffer } = this;
      this.sink = undefined;
      this.to = undefined;
      this.buffer = undefined;
      pool.release(this, buffer);
      if (error && sink && to) sink.sendFailed(to, error);
    };
  }
}

/** Buffers and records of one thread. */
export class SendPool {
  /** The packet being built. Belongs to whoever drains a machine, from `pollTransmit` to `send`. */
  readonly packet: Transmit = { buffer: new Uint8Array(0), length: 0, to: { address: "", port: 0 } };
  readonly #idle: Sending[] = [];
  readonly #buffers: Uint8Array[] = [];
  #bufferBytes = 0;

  /** Makes sure that `packet.buffer` holds `bytes`. */
  reserve(bytes: number): void {
    if (bytes > this.#bufferBytes) {
      this.#bufferBytes = bytes;
      this.#buffers.length = 0;
    }
    if (this.packet.buffer.length < this.#bufferBytes) this.packet.buffer = new Uint8Array(this.#bufferBytes);
  }

  /** Sends what stands in `packet`; `sink` hears of a refusal, later. False: dropped, the socket's queue is full. */
  send(udp: UdpSocket, family: 4 | 6, sink: SendFailureSink): boolean {
    const packet = this.packet;
    if (udp.getSendQueueCount() >= MAX_QUEUED_PACKETS) return false;
    const sending = this.#idle.pop() ?? new Sending(this);
    sending.sink = sink;
    sending.to = packet.to;
    const { address, port } = packet.to;
    // To dgram, no address means this machine.
    if (address === "") {
      process.nextTick(sending.done, new Error("no address"));
      return true;
    }
    try {
      udp.send(packet.buffer, 0, packet.length, port, socketAddress(address, family), sending.done);
    } catch (error) {
      // A port of 0, or a socket closed in between: never the machine's to handle as an exception.
      process.nextTick(sending.done, error);
      return true;
    }
    if (udp.getSendQueueCount() > 0) {
      sending.buffer = packet.buffer;
      packet.buffer = this.#buffers.pop() ?? new Uint8Array(this.#bufferBytes);
    }
    return true;
  }

  /** For `Sending`. */
  release(sending: Sending, buffer: Uint8Array | undefined): void {
    if (this.#idle.length < MAX_IDLE) this.#idle.push(sending);
    if (buffer && buffer.length >= this.#bufferBytes && this.#buffers.length < MAX_IDLE) this.#buffers.push(buffer);
  }
}

let shared: SendPool | undefined;

/** The thread's pool. */
export function sharedSendPool(): SendPool {
  shared ??= new SendPool();
  return shared;
}
