/**
 * What is under way: packets and everything else that happens at a set time, in order of time and then of asking. A heap
 * over plain arrays; entries are reused, because at ten thousand nodes a hundred thousand packets pass through in every
 * simulated second.
 */
import type { Packet } from "./fidelity.ts";

export interface Delivery {
  at: number;
  serial: number;
  /** A packet: numbers of the nodes that sent it and shall get it. */
  from: number;
  to: number;
  packet: Packet | undefined;
  bytes: number;
  /** Of the sender's names (`NameTable.epoch`) when it was sent. */
  epoch: number;
  /** Anything else: what to do. */
  run: (() => void) | undefined;
}

export class DeliveryQueue {
  readonly #heap: Delivery[] = [];
  readonly #free: Delivery[] = [];

  get length(): number {
    return this.#heap.length;
  }

  /** The next one, left in the queue; undefined when there is none. */
  get first(): Delivery | undefined {
    return this.#heap[0];
  }

  pushPacket(at: number, serial: number, from: number, to: number, packet: Packet, bytes: number, epoch: number): void {
    const entry = this.#take();
    entry.at = at;
    entry.serial = serial;
    entry.from = from;
    entry.to = to;
    entry.packet = packet;
    entry.bytes = bytes;
    entry.epoch = epoch;
    this.#up(entry);
  }

  pushAction(at: number, serial: number, run: () => void): void {
    const entry = this.#take();
    entry.at = at;
    entry.serial = serial;
    entry.run = run;
    this.#up(entry);
  }

  /** Takes out the first. Hand it back with `release` when done with it. */
  pop(): Delivery {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#down(last);
    return first;
  }

  release(entry: Delivery): void {
    entry.packet = undefined;
    entry.run = undefined;
    this.#free.push(entry);
  }

  #take(): Delivery {
    const entry = this.#free.pop();
    if (entry) return entry;
    return { at: 0, serial: 0, from: -1, to: -1, packet: undefined, bytes: 0, epoch: 0, run: undefined };
  }

  #up(entry: Delivery): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (!before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #down(entry: Delivery): void {
    const heap = this.#heap;
    const { length } = heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++;
      const below = heap[child]!;
      if (!before(below, entry)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = entry;
  }
}

function before(a: Delivery, b: Delivery): boolean {
  return a.at < b.at || (a.at === b.at && a.serial < b.serial);
}
