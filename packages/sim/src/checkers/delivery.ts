/**
 * A broadcast reaches everyone who is connected. Gossip is a matter of chance: with `m` transmissions by each holder a
 * given member misses a message with probability `e^-m`. So the messages that everybody should have had are counted, and
 * no more may be missing, at one member or in all, than chance explains once in a thousand million runs. With the usual
 * settings and a dozen messages that is a few in a large pool and none at all where `m` is large.
 */
import type { SwimEvent } from "@hearsay/core";
import { transmitLimit } from "./bounds.ts";
import type { Checker, Scene, Watched } from "./checker.ts";

interface Message {
  readonly from: Watched;
  readonly sentAt: number;
  readonly missing: Set<Watched>;
}

/** Chance that we take for never, in a test that runs for ever. */
const never = 1e-9;

export class Delivery implements Checker {
  readonly name = "delivery";
  readonly kind = "convergence";
  readonly #messages = new Map<string, Message>();
  #judged = false;

  /** From now on this message has to reach all who are there. They must be connected, and pass it on. */
  expect(payload: Uint8Array, from: Watched, scene: Scene): void {
    const missing = new Set(scene.living().filter((node) => node !== from));
    this.#messages.set(keyOf(payload), { from, sentAt: scene.now, missing });
    this.#judged = false;
  }

  /** Every message has come to everybody. */
  get complete(): boolean {
    for (const { missing } of this.#messages.values()) if (missing.size > 0) return false;
    return true;
  }

  onEvent(node: Watched, event: SwimEvent): void {
    if (event.type === "user-message") this.#messages.get(keyOf(event.payload))?.missing.delete(node);
  }

  onRound(scene: Scene): void {
    if (this.#judged || this.#messages.size === 0) return;
    let last = 0;
    for (const { sentAt } of this.#messages.values()) last = Math.max(last, sentAt);
    if (this.complete || scene.now >= last + scene.bounds().spreadMs) {
      this.#judged = true;
      this.#judge(scene);
    }
  }

  #judge(scene: Scene): void {
    const count = this.#messages.size;
    const perNode = new Map<Watched, number>();
    let missed = 0;
    let expected = 0;
    for (const { missing, from } of this.#messages.values()) {
      const { aliveCount, memberCount } = from.swim;
      const mean = aliveCount * Math.exp(-transmitLimit(scene.config, aliveCount, memberCount));
      expected += mean;
      if (missing.size > quantile(mean)) {
        const message = `a broadcast of its never came to ${missing.size} members; chance explains ${quantile(mean)}`;
        scene.report(this, from.name, message);
      }
      missed += missing.size;
      for (const node of missing) perNode.set(node, (perNode.get(node) ?? 0) + 1);
    }
    const allowedEach = quantile(expected / Math.max(1, scene.living().length));
    for (const [node, misses] of perNode) {
      if (misses <= allowedEach) continue;
      scene.report(this, node.name, `${misses} of ${count} broadcasts never came; chance explains ${allowedEach}`);
    }
    const allowed = quantile(expected);
    if (missed > allowed) {
      const node = [...perNode].sort((a, b) => b[1] - a[1])[0]![0];
      const message = `${missed} times one of ${count} broadcasts never came to a member; chance explains ${allowed}`;
      scene.report(this, node.name, message);
    }
  }
}

/** The number that a Poisson variable exceeds with a probability below `never`. */
function quantile(mean: number): number {
  let term = Math.exp(-mean);
  let below = term;
  for (let k = 0; ; k++) {
    if (1 - below < never || k > 10_000) return k;
    term *= mean / (k + 1);
    below += term;
  }
}

function keyOf(payload: Uint8Array): string {
  return payload.join(",");
}
