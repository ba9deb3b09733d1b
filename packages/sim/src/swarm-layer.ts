/**
 * What a swarm run needs of the machines it runs, raw or with Serf around them: how to make one, its wishes under one name,
 * and where its failure detector is.
 */
import {
  type Endpoint,
  emptyBytes,
  type KnownPool,
  type Machine,
  Swim,
  type SwimEvent,
  type SwimOptions,
} from "@hearsay/core";
import { Serf, SerfError, type SerfEvent } from "@hearsay/serf";
import { type DetectorLayer, swimLayer } from "./checkers/checkers.ts";

export interface SwarmLayer<M extends Machine<E>, E> extends DetectorLayer<M, E> {
  make(options: SwimOptions): M;
  /** Machines can begin with a pool they know. */
  readonly remembers: boolean;
  start(machine: M, now: number, known: KnownPool | undefined): void;
  /** The outcome is a `join-result` with the returned number. */
  join(machine: M, to: Endpoint, now: number): number;
  /** A join has succeeded. */
  joined(machine: M, now: number): void;
  /** Once. `left-pool` follows. */
  leave(machine: M, now: number): void;
  /** At most 512 bytes, of which a layer may keep some for itself. */
  setMeta(machine: M, meta: Uint8Array, now: number): void;
  /** What is sent comes up as a `user-message`. What no packet can carry may be refused, without effect. */
  broadcast(machine: M, payload: Uint8Array, now: number): void;
  /** Machines pass on what they hear; else their members have to. */
  readonly passesOn: boolean;
  setHealthy(machine: M, healthy: boolean): void;
}

/** Raw memberlist pools. `make` builds the machines: tests break them here. */
export function rawLayer(make?: (options: SwimOptions) => Swim): SwarmLayer<Swim, SwimEvent> {
  return {
    ...swimLayer,
    make: make ?? ((options) => new Swim(options)),
    remembers: true,
    start: (machine, now, known) => machine.start(now, known),
    join: (machine, to, now) => machine.join(to, now),
    joined: () => {},
    leave: (machine, now) => machine.leave(now),
    setMeta: (machine, meta, now) => machine.updateMeta(meta, now),
    broadcast: (machine, payload, now) => machine.broadcastUser(payload, 2, now),
    passesOn: false,
    setHealthy: (machine, healthy) => machine.setHealthy(healthy),
  };
}

/** Bytes of meta that the encoding of one tag and a layer's magic take. */
const tagBytes = 16;

/** What a packet can carry is limit enough here: the highest setting there is. */
const mostEventBytes = 9216;

/** Pools of Serf agents. Their detector's own member events stay within; evidence and looks say as much. */
export const serfLayer: SwarmLayer<Serf, SerfEvent> = {
  detectorOf: (machine) => machine.swim,
  eventOf: (event) => {
    switch (event.type) {
      // The detector may have learned it anew; the status may also be news for other reasons, and does no harm.
      case "member-join":
        return { type: "member-join", member: { ...event.member, meta: emptyBytes } };
      case "user-event":
        return { type: "user-message", payload: event.payload ?? emptyBytes, from: undefined };
      case "query":
      case "member-leave":
      case "member-failed":
      case "member-update":
      case "member-reap":
      case "member-suspect":
      case "member-refuted":
      case "query-ack":
      case "query-response":
      case "query-done":
      case "key-result":
      case "name-vote":
      case "coordinate":
      case "extension-message":
        return undefined;
      default:
        return event;
    }
  },
  statusesOf: (machine) => new Map(machine.members().map(({ name, status }) => [name, status])),
  make: (options) => new Serf({ ...options, serfConfig: { userEventSizeLimit: mostEventBytes } }),
  remembers: false,
  start: (machine, now) => machine.start(now),
  join: (machine, to, now) => machine.join(to, now),
  joined: (machine, now) => machine.joined(now),
  leave: (machine, now) => machine.leave(now),
  setMeta: (machine, meta, now) => {
    machine.setTags({ t: "x".repeat(Math.max(0, meta.length - tagBytes)) + ((meta[0] ?? 0) % 10) }, now);
  },
  broadcast: (machine, payload, now) => {
    try {
      machine.userEvent("swarm", payload, payload.length % 2 === 0, now);
    } catch (error) {
      if (!(error instanceof SerfError && error.code === "event-too-long")) throw error;
    }
  },
  passesOn: true,
  setHealthy: (machine, healthy) => machine.setHealthy(healthy),
};
