/** Whom the state machine can speak to, in a form that random ones can be drawn from. */
import type { Endpoint, Rng } from "@hearsay/core";
import type { PeerStatus } from "./types.ts";

export interface Peer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly status: PeerStatus;
}

export class Peers {
  readonly #byName = new Map<string, Peer>();
  #alive: Peer[] = [];
  #dead: Peer[] = [];
  #isSorted = true;
  #aliveCount = 0;

  get aliveCount(): number {
    return this.#aliveCount;
  }

  /** Nobody is known, not even as dead. */
  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  set(peer: Peer): void {
    this.delete(peer.name);
    this.#byName.set(peer.name, peer);
    if (peer.status === "alive") this.#aliveCount++;
    this.#isSorted = false;
  }

  isDead(name: string): boolean {
    return this.#byName.get(name)?.status === "dead";
  }

  delete(name: string): void {
    const peer = this.#byName.get(name);
    if (peer === undefined) return;
    this.#byName.delete(name);
    if (peer.status === "alive") this.#aliveCount--;
    this.#isSorted = false;
  }

  /** Up to `count` different ones. */
  someAlive(count: number, rng: Rng): Peer[] {
    this.#sort();
    const { length } = this.#alive;
    if (count >= length) return [...this.#alive];
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(rng.below(length));
    return Array.from(chosen, (i) => this.#alive[i]!);
  }

  oneDead(rng: Rng): Peer | undefined {
    this.#sort();
    return this.#dead[rng.below(this.#dead.length)];
  }

  #sort(): void {
    if (this.#isSorted) return;
    this.#isSorted = true;
    this.#alive = [];
    this.#dead = [];
    for (const peer of this.#byName.values()) (peer.status === "alive" ? this.#alive : this.#dead).push(peer);
  }
}
