/**
 * What waits is bounded: broadcasts by the names there are and by what `Swim` keeps of user messages, suspicions by the
 * suspects (each suspect has one, or it would be suspect for ever), timers by what they are for, exchanges and evidence by
 * their limits; and the dead are forgotten.
 */
import type { MemberView } from "@hearsay/core";
import type { Checker, Scene, Watched } from "./checker.ts";

/** The limits that are constants of the machine: `swim.ts`, `exchanges.ts`, `relay.ts`, `evidence-log.ts`. */
const maxUserQueue = 4096;
/** Push/pulls, and beside them the pings of a probe and of a reclaim. */
const maxExchanges = 256 + 8;
const maxRelays = 1024;
/** Timers that are there once, one of each kind but relay and suspicion. */
const singleTimers = 9;
const maxEvidence = 64;

export class Queues implements Checker {
  readonly name = "queues";
  readonly kind = "safety";
  /** By process and member: since when a member has been gone, while the process ran freely: world ms. */
  readonly #gone = new Map<Watched, Map<string, number>>();
  readonly #clocks = new Map<Watched, number>();

  onProcess(node: Watched): void {
    for (const earlier of this.#gone.keys()) if (earlier.place === node.place) this.#gone.delete(earlier);
    for (const earlier of this.#clocks.keys()) if (earlier.place === node.place) this.#clocks.delete(earlier);
    this.#gone.set(node, new Map());
  }

  onLook(node: Watched, members: readonly MemberView[], scene: Scene): void {
    const { broadcasts, queued, suspicions, timers, exchanges } = node.swim.inspect();
    const atMost = (what: string, count: number, limit: number) => {
      if (count > limit) scene.report(this, node.name, `${count} ${what}, ${limit} allowed`);
    };
    atMost("membership broadcasts wait", broadcasts.length, scene.names);
    for (const count of queued) atMost("user messages wait in a queue", count, maxUserQueue);
    const suspects = members.filter((member) => member.state === "suspect");
    if (suspicions.length !== suspects.length) {
      scene.report(this, node.name, `${suspicions.length} suspicions for ${suspects.length} suspects`);
    }
    atMost("exchanges under way", exchanges, maxExchanges);
    atMost("timers set", timers, singleTimers + suspicions.length + maxRelays);
    for (const member of suspects) atMost("entries of evidence", node.swim.why(member.name).length, maxEvidence);
    this.#forgets(node, members, scene);
  }

  /**
   * The dead and left are forgotten at the end of the ring after `gossipToTheDeadMs`: one turn later at most, at the pace
   * of a process in the worst of health. A process that stood still, or whose clock jumped, begins anew.
   */
  #forgets(node: Watched, members: readonly MemberView[], scene: Scene): void {
    const gone = this.#gone.get(node);
    if (gone === undefined) return;
    const { place } = node;
    const { gossipToTheDeadMs, probeIntervalMs, awarenessMaxMult } = scene.config;
    const held =
      Math.max(place.stalledUntil, place.blockedUntil) > scene.now || place.lastTold > scene.now + place.clockOffset;
    if (held || this.#clocks.get(node) !== place.clockOffset) gone.clear();
    this.#clocks.set(node, place.clockOffset);
    const limitMs = gossipToTheDeadMs + (members.length + 2) * probeIntervalMs * awarenessMaxMult * 1.1;
    const present = new Set<string>();
    for (const { name, state } of members) {
      if (name === node.name || state === "alive" || state === "suspect") continue;
      present.add(name);
      const since = gone.get(name);
      if (since === undefined) gone.set(name, scene.now);
      else if (scene.now - since > limitMs) {
        const ms = Math.round(scene.now - since);
        scene.report(this, node.name, `${name} is ${state} and still remembered after ${ms} ms`, name);
      }
    }
    for (const name of gone.keys()) if (!present.has(name)) gone.delete(name);
  }
}
