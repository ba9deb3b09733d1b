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

  constructor(index: number, endpoint: Endpoint, zone: number) {
    this.index = index;
    this.endpoint = endpoint;
    this.zone = zone;
  }
}

export class SimNode<M extends Machine<E>, E> extends Place {
  /** Changes when the process is replaced. */
  machine: M;
  /** Called for each event after it happened, outside the machine: it may act. */
  onEvent: ((event: E, now: number) => void) | undefined;

  constructor(index: number, machine: M, endpoint: Endpoint, zone: number) {
    super(index, endpoint, zone);
    this.machine = machine;
  }
}
