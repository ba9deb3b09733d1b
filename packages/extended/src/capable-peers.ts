/** Members that understand us: where they are, what they can, and random ones of those alive. */
import type { Endpoint, Rng } from "@hearsay/core";

export interface CapablePeer {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Letters of `Capability`. */
  readonly can: string;
  readonly alive: boolean;
}

export class CapablePeers {
  readonly #all = new Map<string, CapablePeer>();
  /** Names of the living by letter; made anew when asked for after a change. */
  readonly #living = new Map<string, readonly string[]>();

  find(name: string): CapablePeer | undefined {
    return this.#all.get(name);
  }

  /** Whether that changed anything. */
  set(peer: CapablePeer): boolean {
    const before = this.#all.get(peer.name);
    if (before && isSame(before, peer)) return false;
    this.#all.set(peer.name, peer);
    this.#living.clear();
    return true;
  }

  delete(name: string): boolean {
    this.#living.clear();
    return this.#all.delete(name);
  }

  /** Lent until the next change. */
  living(letter: string): readonly string[] {
    let names = this.#living.get(letter);
    if (names === undefined) {
      names = Array.from(this.#all.values())
        .filter(({ alive, can }) => alive && can.includes(letter))
        .map(({ name }) => name);
      this.#living.set(letter, names);
    }
    return names;
  }

  pick(letter: string, rng: Rng): string | undefined {
    const names = this.living(letter);
    return names[rng.below(names.length)];
  }
}

function isSame(a: CapablePeer, b: CapablePeer): boolean {
  return (
    a.alive === b.alive &&
    a.can === b.can &&
    a.endpoint.port === b.endpoint.port &&
    a.endpoint.address === b.endpoint.address
  );
}
