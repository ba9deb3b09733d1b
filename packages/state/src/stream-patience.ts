/**
 * Whom not to open a stream to for a while: somebody who neither asked for nor told anything on the last one, or did not
 * answer. Such a peer may hold less than we would give, and the next round would find the same difference, and open the
 * next stream.
 */
import { type Endpoint, formatEndpoint } from "@hearsay/core";

/** Occasions let pass at most. */
const mostPassed = 16;
/** Peers remembered; then the oldest is given another chance. */
const mostPeers = 1024;

export class StreamPatience {
  readonly #inVain = new Map<string, { times: number; toPass: number }>();

  /** Whether the occasion is one to take; each that is not counts. */
  allows(to: Endpoint): boolean {
    const peer = this.#inVain.get(formatEndpoint(to));
    if (peer === undefined || peer.toPass === 0) return true;
    peer.toPass--;
    return false;
  }

  /** What came of a stream: each in vain doubles the occasions let pass, one that was of use ends it. */
  note(to: Endpoint, wasInVain: boolean): void {
    const name = formatEndpoint(to);
    const times = (this.#inVain.get(name)?.times ?? 0) + 1;
    this.#inVain.delete(name);
    if (!wasInVain) return;
    this.#inVain.set(name, { times, toPass: Math.min(2 ** Math.min(times, 16), mostPassed) });
    if (this.#inVain.size <= mostPeers) return;
    for (const oldest of this.#inVain.keys()) {
      this.#inVain.delete(oldest);
      return;
    }
  }
}
