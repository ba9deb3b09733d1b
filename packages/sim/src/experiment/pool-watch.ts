/**
 * Watching a pool from outside: who comes to hold whom for what, and when; whether all agree; what the traffic was. Reads
 * the machines' events and views and changes nothing.
 */
import type { Evidence, SwimEvent } from "@hearsay/core";
import type { SwimNode, SwimPool } from "../pool.ts";

/** What is told of each change of a view. `subject` is the number of the node that it is about; `now` is world ms. */
export interface ViewListener {
  suspected?(observer: SwimNode, subject: number, now: number): void;
  refuted?(observer: SwimNode, subject: number, now: number): void;
  /** `declared`: on the observer's own judgement, its timer having run out; not because somebody said so. */
  dead?(observer: SwimNode, subject: number, now: number, declared: boolean): void;
  left?(observer: SwimNode, subject: number, now: number): void;
  /** Alive, having been unknown, dead or left. */
  joined?(observer: SwimNode, subject: number, now: number): void;
}

/** Tells `listener` of every change in every view from now on. One watch at a time for a pool. */
export function watchPool(pool: SwimPool, listener: ViewListener): void {
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    while (numbers.size < pool.nodes.length) numbers.set(pool.nameOf(numbers.size), numbers.size);
    return numbers.get(name) ?? -1;
  };
  /** The evidence of a death comes right before the event. */
  let verdict: Evidence | undefined;
  pool.world.onEvent = (node, event, now) => {
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
      case "member-leave":
        onLeave(node, event, now);
        break;
    }
  };
  const onLeave = (node: SwimNode, event: Extract<SwimEvent, { type: "member-leave" }>, now: number) => {
    const subject = numberOf(event.member.name);
    if (event.member.state === "left") listener.left?.(node, subject, now);
    else listener.dead?.(node, subject, now, verdict?.type === "dead" && verdict.from === node.machine.name);
    verdict = undefined;
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
export function sent(nodes: readonly SwimNode[]): Load {
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
  nodes: readonly SwimNode[],
  counter: "probes" | "probesFailed" | "suspicions" | "refutations" | "deaths",
): number {
  return nodes.reduce((sum, { machine }) => sum + machine.counters[counter], 0);
}
