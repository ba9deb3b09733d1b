/**
 * The main thread's copy of the worker's evidence log. The log drops its quietest name when it has too many and tells
 * nobody, so the copy keeps the same bound in the same order. How much there is of one name the log decides.
 */

import type { WallEvidence } from "../api.ts";

/** As the log's own. */
const MAX_NAMES = 4096;

const none: readonly WallEvidence[] = [];

export class EvidenceMirror {
  /** In order of newest entry, so the first is the quietest. */
  readonly #byName = new Map<string, readonly WallEvidence[]>();

  get size(): number {
    return this.#byName.size;
  }

  /** All that is known of a name now, oldest first; nothing forgets it. */
  set(name: string, evidence: readonly WallEvidence[]): void {
    const newest = evidence.at(-1);
    if (!newest) {
      this.#byName.delete(name);
      return;
    }
    const held = this.#byName.get(name);
    // A member may change without new evidence; that makes it no less quiet.
    const same = held && held.length === evidence.length && held.at(-1)!.at === newest.at;
    if (!same) this.#byName.delete(name);
    this.#byName.set(name, evidence);
    if (this.#byName.size <= MAX_NAMES) return;
    for (const quietest of this.#byName.keys()) {
      this.#byName.delete(quietest);
      break;
    }
  }

  about(name: string): readonly WallEvidence[] {
    return this.#byName.get(name) ?? none;
  }
}
