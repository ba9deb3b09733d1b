/** One machine at one address, and what the simulator knows and counts about it. */
import type { Endpoint, Machine } from "@hearsay/core";

export interface TrafficCounters {
  readonly packetsSent: number;
  readonly bytesSent: number;
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  readonly streamsOpened: number;
  /** Payload bytes on streams, both directions, counted where they are sent. */
  readonly streamBytesSent: number;
  readonly largestPacket: number;
}

/** One of them is room: a node's counts are a cache line. */
const ledgerColumns = 8;
type TrafficColumns = [number, number, number, number, number, number, number];

/** What was told to machines of their clocks last, by node: a column, since every packet asks. */
export class Clocks {
  told = new Float64Array(64).fill(Number.NEGATIVE_INFINITY);
  /** Whether any node was ever listened to by itself (`SimNode.onEvent`). */
  anyListener = false;

  /** Makes room for so many nodes. */
  reserve(count: number): void {
    if (count <= this.told.length) return;
    const told = new Float64Array(2 * count).fill(Number.NEGATIVE_INFINITY);
    told.set(this.told);
    this.told = told;
  }
}

/** What was sent and received, by node: counted with every packet, and so kept together. */
export class Ledger {
  /** `ledgerColumns` for each node, in the order of `TrafficCounters`. */
  counts = new Float64Array(64 * ledgerColumns);

  /** Makes room for so many nodes. */
  reserve(count: number): void {
    if (count * ledgerColumns <= this.counts.length) return;
    const counts = new Float64Array(2 * count * ledgerColumns);
    counts.set(this.counts);
    this.counts = counts;
  }

  sent(node: number, bytes: number): void {
    const { counts } = this;
    const at = node * ledgerColumns;
    counts[at]!++;
    counts[at + 1]! += bytes;
    if (bytes > counts[at + 6]!) counts[at + 6] = bytes;
  }

  received(node: number, bytes: number): void {
    const at = node * ledgerColumns;
    this.counts[at + 2]!++;
    this.counts[at + 3]! += bytes;
  }

  streamOpened(node: number): void {
    this.counts[node * ledgerColumns + 4]!++;
  }

  streamSent(node: number, bytes: number): void {
    this.counts[node * ledgerColumns + 5]! += bytes;
  }

  of(node: number): TrafficCounters {
    const [packetsSent, bytesSent, packetsReceived, bytesReceived, streamsOpened, streamBytesSent, largestPacket] =
      this.counts.subarray(node * ledgerColumns, (node + 1) * ledgerColumns) as unknown as TrafficColumns;
    return {
      packetsSent,
      bytesSent,
      packetsReceived,
      bytesReceived,
      streamsOpened,
      streamBytesSent,
      largestPacket,
    };
  }
}

/** A node as the network sees it, whatever machine it runs. */
export class Place {
  /** Dense, from 0, in order of adding; stays over restarts. */
  readonly index: number;
  readonly endpoint: Endpoint;
  // Set through World and Network.

  /** The process runs. */
  alive = true;
  /** It was stalled or blocked, and may be so still: most nodes never are, and need not be asked until when. */
  held = false;
  /** The host answers for ports without a process; a host that is down swallows everything. */
  hostUp = true;
  /** Counts processes at this address. */
  generation = 0;
  zone: number;
  /** Nodes with different numbers do not reach each other. */
  partition = 0;
  /** Share of packets lost on the way in or out: 0 … 1. */
  ingressLoss = 0;
  egressLoss = 0;
  /** The whole process stands still until then: world ms. */
  stalledUntil = Number.NEGATIVE_INFINITY;
  /** Messages are neither sent nor taken in until then; timers go on: world ms. */
  blockedUntil = Number.NEGATIVE_INFINITY;
  /** The node's own clock minus the world's: ms. */
  clockOffset = 0;
  /** When its link is free to send the next packet: world ms. */
  linkFreeAt = Number.NEGATIVE_INFINITY;
  /** Bytes that wait in the socket's buffer while nobody reads. */
  inboxBytes = 0;
  /** When what waits to be taken in, or to be sent, is looked at next: world ms. */
  inboxOpensAt = Number.NEGATIVE_INFINITY;
  outboxOpensAt = Number.NEGATIVE_INFINITY;
  /** A loss burst lasts until then, and the next one begins then: world ms. */
  burstEndsAt = Number.NEGATIVE_INFINITY;
  burstBeginsAt = Number.NEGATIVE_INFINITY;
  protected readonly clocks: Clocks;
  readonly #ledger: Ledger;

  constructor(index: number, endpoint: Endpoint, zone: number, clocks = new Clocks(), ledger = new Ledger()) {
    this.index = index;
    this.endpoint = endpoint;
    this.zone = zone;
    this.clocks = clocks;
    this.#ledger = ledger;
    clocks.reserve(index + 1);
    ledger.reserve(index + 1);
  }

  /** What it has sent and received so far. */
  get traffic(): TrafficCounters {
    return this.#ledger.of(this.index);
  }

  /** The last time its machine was told, by the node's own clock: ms. That clock never runs backwards. */
  get lastTold(): number {
    return this.clocks.told[this.index]!;
  }
}

export class SimNode<M extends Machine<E>, E> extends Place {
  /** Changes when the process is replaced. */
  machine: M;
  #onEvent: ((event: E, now: number) => void) | undefined;

  constructor(index: number, machine: M, endpoint: Endpoint, zone: number, clocks?: Clocks, ledger?: Ledger) {
    super(index, endpoint, zone, clocks, ledger);
    this.machine = machine;
  }

  /** Called for each event after it happened, outside the machine: it may act. */
  get onEvent(): ((event: E, now: number) => void) | undefined {
    return this.#onEvent;
  }

  set onEvent(listener: ((event: E, now: number) => void) | undefined) {
    this.#onEvent = listener;
    this.clocks.anyListener = true;
  }
}
