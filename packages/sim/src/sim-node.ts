/** One machine at one address, and what the simulator knows and counts about it. */
import type { Endpoint, Machine } from "@hearsay/core";

export interface TrafficCounters {
  packetsSent: number;
  bytesSent: number;
  packetsReceived: number;
  bytesReceived: number;
  streamsOpened: number;
  /** Payload bytes on streams, both directions, counted where they are sent. */
  streamBytesSent: number;
  largestPacket: number;
}

/** What was told to machines of their clocks last, by node: a column, since every packet asks. */
export class Clocks {
  told = new Float64Array(64).fill(Number.NEGATIVE_INFINITY);

  /** Makes room for so many nodes. */
  reserve(count: number): void {
    if (count <= this.told.length) return;
    const told = new Float64Array(2 * count).fill(Number.NEGATIVE_INFINITY);
    told.set(this.told);
    this.told = told;
  }
}

/** A node as the network sees it, whatever machine it runs. */
export class Place {
  /** Dense, from 0, in order of adding; stays over restarts. */
  readonly index: number;
  readonly endpoint: Endpoint;
  readonly traffic: TrafficCounters = {
    packetsSent: 0,
    bytesSent: 0,
    packetsReceived: 0,
    bytesReceived: 0,
    streamsOpened: 0,
    streamBytesSent: 0,
    largestPacket: 0,
  };

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
  readonly #clocks: Clocks;

  constructor(index: number, endpoint: Endpoint, zone: number, clocks = new Clocks()) {
    this.index = index;
    this.endpoint = endpoint;
    this.zone = zone;
    this.#clocks = clocks;
  }

  /** The last time its machine was told, by the node's own clock: ms. That clock never runs backwards. */
  get lastTold(): number {
    return this.#clocks.told[this.index]!;
  }
}

export class SimNode<M extends Machine<E>, E> extends Place {
  /** Changes when the process is replaced. */
  machine: M;
  /** Called for each event after it happened, outside the machine: it may act. */
  onEvent: ((event: E, now: number) => void) | undefined;

  constructor(index: number, machine: M, endpoint: Endpoint, zone: number, clocks?: Clocks) {
    super(index, endpoint, zone, clocks);
    this.machine = machine;
  }
}
