/**
 * Watching a pool from outside: who comes to hold whom for what, and when; whether all agree; what the traffic was. Reads
 * the machines' events and views and changes nothing.
 */
import type { Evidence, Machine, Swim, SwimEvent } from "@hearsay/core";
import type { ExtendedEvent } from "@hearsay/extended";
import type { SwimNode, SwimPool } from "../pool.ts";
import type { Place, SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

/** What is told of each change of a view. `subject` is the number of the node that it is about; `now` is world ms. */
export interface ViewListener<N extends Place = Place> {
  suspected?(observer: N, subject: number, now: number): void;
  refuted?(observer: N, subject: number, now: number): void;
  /** `declared`: on the observer's own judgement, its timer having run out; not because somebody said so. */
  dead?(observer: N, subject: number, now: number, declared: boolean): void;
  left?(observer: N, subject: number, now: number): void;
  /** Alive, having been unknown, dead or left. */
  joined?(observer: N, subject: number, now: number): void;
}

/** A pool of machines that are the failure detector, or Serf with it within. */
export interface WatchedPool<M extends Machine<E> & { readonly name: string }, E extends SwimEvent | ExtendedEvent> {
  readonly world: World<M, E>;
  readonly nodes: readonly SimNode<M, E>[];
  nameOf(index: number): string;
}

/** Tells `listener` of every change in every view from now on. One watch at a time for a pool. */
export function watchPool<M extends Machine<E> & { readonly name: string }, E extends SwimEvent | ExtendedEvent>(
  pool: WatchedPool<M, E>,
  listener: ViewListener<SimNode<M, E>>,
): void {
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    while (numbers.size < pool.nodes.length) numbers.set(pool.nameOf(numbers.size), numbers.size);
    return numbers.get(name) ?? -1;
  };
  /** The evidence of a death comes right before the event. */
  let verdict: Evidence | undefined;
  const onDead = (node: SimNode<M, E>, subject: number, now: number) => {
    listener.dead?.(node, subject, now, verdict?.type === "dead" && verdict.from === node.machine.name);
    verdict = undefined;
  };
  pool.world.onEvent = (node, happened, now) => {
    const event: SwimEvent | ExtendedEvent = happened;
    switch (event.type) {
      case "evidence":
        if (event.evidence.type === "dead") verdict = event.evidence;
        break;
      case "member-suspect":
        listener.suspected?.(node, numberOf(event.member.name), now);
        break;
      case "member-refuted":
        listener.refuted?.(node, numberOf(event.member.name), now);
        break;
      case "member-join":
        listener.joined?.(node, numberOf(event.member.name), now);
        break;
      // The detector's word for both, and Serf's for each.
      case "member-leave":
        if (event.member.state === "left") listener.left?.(node, numberOf(event.member.name), now);
        else onDead(node, numberOf(event.member.name), now);
        break;
      case "member-failed":
        onDead(node, numberOf(event.member.name), now);
        break;
    }
  };
}

/**
 * Whether each of `observers` sees exactly the running ones of the pool's nodes as members, suspects included. Stricter
 * than counting, and asks everybody only once the counts are right.
 */
export function viewsAgree(pool: SwimPool, observers: readonly SwimNode[] = pool.living()): boolean {
  const living = pool.living();
  if (observers.some(({ machine }) => machine.aliveCount !== living.length)) return false;
  return observers.every(({ machine }) =>
    living.every((other) => {
      const state = machine.member(other.machine.name)?.state;
      return state === "alive" || state === "suspect";
    }),
  );
}

/** The cluster sizes that the observers see, ascending. */
export function sizesSeen(observers: readonly SwimNode[]): number[] {
  return observers.map(({ machine }) => machine.aliveCount).sort((a, b) => a - b);
}

export interface Load {
  readonly packets: number;
  /** Of packets and streams. */
  readonly bytes: number;
}

/** All that the nodes have sent since the beginning. */
export function sent(nodes: readonly Place[]): Load {
  let packets = 0;
  let bytes = 0;
  for (const { traffic } of nodes) {
    packets += traffic.packetsSent;
    bytes += traffic.bytesSent + traffic.streamBytesSent;
  }
  return { packets, bytes };
}

/** One of the machines' counters, over all nodes. Restarted machines begin at 0. */
export function counted(
  nodes: readonly { readonly machine: Swim | { readonly swim: Swim } }[],
  counter: "probes" | "probesFailed" | "suspicions" | "refutations" | "deaths",
): number {
  return nodes.reduce((sum, { machine }) => sum + ("swim" in machine ? machine.swim : machine).counters[counter], 0);
}
