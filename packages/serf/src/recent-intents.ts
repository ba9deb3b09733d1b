/**
 * What was said about names that are not members yet. Gossip keeps no order, so a join or leave intent may come before
 * the member it is about; it waits here, and the member takes it up when it appears (serf protocol notes, section 7.5).
 */

export type IntentKind = "join" | "leave";

export interface RecentIntent {
  readonly kind: IntentKind;
  readonly lTime: number;
  /** ms: when it was heard. */
  readonly at: number;
}

export class RecentIntents {
  readonly #limit: number;
  /** In order of hearing, so the oldest are in front. */
  readonly #intents = new Map<string, RecentIntent>();

  /** @param limit most names kept; the one heard of longest ago makes room. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#intents.size;
  }

  /** Looks without taking: the same intent may be needed again should the member vanish and come back. */
  get(name: string): RecentIntent | undefined {
    return this.#intents.get(name);
  }

  /** Keeps an intent if it is later than what is kept of that name; whether it was. */
  note(name: string, kind: IntentKind, lTime: number, now: number): boolean {
    const known = this.#intents.get(name);
    if (known && lTime <= known.lTime) return false;
    this.#intents.delete(name);
    if (this.#intents.size >= this.#limit) {
      for (const oldest of this.#intents.keys()) {
        this.#intents.delete(oldest);
        break;
      }
    }
    this.#intents.set(name, { kind, lTime, at: now });
    return true;
  }

  /** Drops what was heard more than `ageMs` ago. */
  expire(now: number, ageMs: number): void {
    for (const [name, intent] of this.#intents) {
      if (now - intent.at <= ageMs) return;
      this.#intents.delete(name);
    }
  }
}
