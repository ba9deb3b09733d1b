/**
 * Nobody is alive and dead by one incarnation: who was accused or declared dead is alive again by a higher incarnation
 * only, as nobody else can speak for a member. (The two ways in which a name begins anew: see `opinions.ts`.)
 */
import type { Checker, Scene, Step } from "./checker.ts";

const rank = { alive: 0, suspect: 1, dead: 2, left: 2 } as const;

export class Resurrections implements Checker {
  readonly name = "resurrections";
  readonly kind = "safety";

  onStep({ by, about, before, after, excuse }: Step, scene: Scene): void {
    if (before === undefined || excuse !== undefined) return;
    if (after.incarnation !== before.incarnation || rank[after.state] >= rank[before.state]) return;
    const { incarnation } = before;
    const message = `${about} went from ${before.state} to ${after.state} by the one incarnation ${incarnation}`;
    scene.report(this, by.name, message, about);
  }
}
