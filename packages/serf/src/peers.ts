/**
 * Who can be written to: a member by its address, and some members by lot. A list over the detector's table, made anew
 * at most once a second when it is asked, so that a message costs no walk through the whole pool. What it names is
 * looked up again before it is believed; of those who came in the last second it may know nothing.
 */
import type { Endpoint, MemberView, Rng } from "@hearsay/core";

export interface PeerSource {
  /** Everybody the detector knows, whatever the state. */
  all(): readonly MemberView[];
  find(name: string): MemberView | undefined;
}

/** How old the list may get before it is made anew: ms. */
const maxAgeMs = 1000;

/** Members looked at for one choice. */
const maxLooks = 64;

export class Peers {
  readonly #source: PeerSource;
  #names: string[] = [];
  #nameByAddress = new Map<string, string>();
  #madeAt = Number.NEGATIVE_INFINITY;

  constructor(source: PeerSource) {
    this.#source = source;
  }

  /** Whether some member is at this very address and port. `name`: whose it should be, where to look first; or "". */
  isAt(to: Endpoint, name: string, now: number): boolean {
    if (name !== "" && this.#lives(name, to)) return true;
    const key = addressKey(to);
    const known = this.#nameByAddress.get(key);
    if (known !== undefined && this.#lives(known, to)) return true;
    return this.#refresh(now) && this.#nameByAddress.has(key);
  }

  /** Up to `count` different members that `accept` takes, at random. */
  pick(count: number, rng: Rng, accept: (member: MemberView) => boolean, now: number): MemberView[] {
    this.#refresh(now);
    const chosen: MemberView[] = [];
    const names = this.#names;
    // A shuffle that ends early. Looks are bounded: most members of a pool are fit, or hardly any.
    for (let i = 0; i < names.length && i < maxLooks && chosen.length < count; i++) {
      const j = i + rng.below(names.length - i);
      const name = names[j]!;
      names[j] = names[i]!;
      names[i] = name;
      const member = this.#source.find(name);
      if (member && accept(member)) chosen.push(member);
    }
    return chosen;
  }

  #lives(name: string, at: Endpoint): boolean {
    const endpoint = this.#source.find(name)?.endpoint;
    return endpoint !== undefined && endpoint.port === at.port && endpoint.address === at.address;
  }

  /** Whether the list was made anew. */
  #refresh(now: number): boolean {
    if (now - this.#madeAt < maxAgeMs) return false;
    this.#madeAt = now;
    const all = this.#source.all();
    this.#names = all.map((member) => member.name);
    this.#nameByAddress = new Map(all.map((member) => [addressKey(member.endpoint), member.name]));
    return true;
  }
}

function addressKey(endpoint: Endpoint): string {
  return `${endpoint.address} ${endpoint.port}`;
}
