/**
 * Nobody who is there stays dead, left or unknown to anybody who is there: within `reunionMs` after everything was mended
 * (`bounds.ts`) all have found each other.
 */
import type { MemberView } from "@hearsay/core";
import type { Checker, Scene, Watched } from "./checker.ts";

export class LastingDeaths implements Checker {
  readonly name = "lasting-deaths";
  readonly kind = "convergence";

  onLook(node: Watched, members: readonly MemberView[], scene: Scene): void {
    const { healedAt, now } = scene;
    if (now < healedAt + scene.bounds().reunionMs) return;
    const states = new Map(members.map((member) => [member.name, member.state]));
    for (const other of scene.living()) {
      const state = states.get(other.name) ?? "unknown";
      if (state === "alive" || state === "suspect") continue;
      const afterMs = Math.round(now - healedAt);
      scene.report(this, node.name, `${other.name} is ${state} here, ${afterMs} ms after healing`, other.name);
    }
  }
}
