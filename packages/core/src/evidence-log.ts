/**
 * Keeps the evidence: a bounded list for each name that something happened to, newest kept, names bounded too. The
 * quietest name goes first when there are too many.
 */
import type { Evidence } from "./evidence.ts";

/** Names kept; beyond, the one whose newest entry is oldest is dropped. */
const maxNames = 4096;

export class EvidenceLog {
  /** In order of last entry, so the first is the quietest. */
  readonly #byName = new Map<string, Evidence[]>();
  readonly #entriesPerName: number;

  /** @param entriesPerName kept for one member, at least 1 */
  constructor(entriesPerName = 64) {
    this.#entriesPerName = entriesPerName;
  }

  add(name: string, evidence: Evidence): void {
    const list = this.#byName.get(name) ?? [];
    this.#byName.delete(name);
    this.#byName.set(name, list);
    list.push(evidence);
    if (list.length > this.#entriesPerName) list.shift();
    if (this.#byName.size > maxNames) {
      for (const oldest of this.#byName.keys()) {
        this.#byName.delete(oldest);
        break;
      }
    }
  }

  /** A copy, oldest first; empty when there is none. */
  about(name: string): readonly Evidence[] {
    return this.#byName.get(name)?.slice() ?? [];
  }
}
