/**
 * Views agree: within `agreementMs` after everything was mended, all who are there hold the same members alive, each with
 * the incarnation, address and meta that it claims itself; the layer above the detector, where there is one, says the
 * same. Once they agree, they go on agreeing, as nothing happens any
 * more: not even an accusation, after those that were under way at the healing have come to their end (`verdictsMs`).
 */
import { equalBytes, formatEndpoint, type MemberView } from "@hearsay/core";
import type { Checker, Scene, Watched } from "./checker.ts";

export class Agreement implements Checker {
  readonly name = "agreement";
  readonly kind = "convergence";
  #truth = new Map<string, MemberView>();
  #truthAt = -1;
  #wrong: { node: string; about: string; what: string }[] = [];
  #agreedAt = Number.POSITIVE_INFINITY;

  /** World ms since when all have agreed for good; Infinity before. */
  get agreedAt(): number {
    return this.#agreedAt;
  }

  onLook(node: Watched, members: readonly MemberView[], scene: Scene): void {
    if (scene.now < scene.healedAt) return;
    if (this.#truthAt !== scene.now) {
      this.#truthAt = scene.now;
      this.#truth = new Map(scene.living().map(({ name, swim }) => [name, swim.local()]));
    }
    let right = 0;
    for (const member of members) {
      const own = this.#truth.get(member.name);
      const what = difference(member, own);
      if (what !== undefined) this.#wrong.push({ node: node.name, about: member.name, what });
      else if (own) right++;
    }
    const statuses = node.statuses?.();
    if (statuses) {
      for (const [name, status] of statuses) {
        if ((status === "alive") !== this.#truth.has(name)) {
          this.#wrong.push({ node: node.name, about: name, what: `${status} to the layer above, wrongly` });
        }
      }
    }
    if (right === this.#truth.size || this.#wrong.length > 0) return;
    const seen = new Set(members.map((member) => member.name));
    for (const name of this.#truth.keys()) {
      if (!seen.has(name)) this.#wrong.push({ node: node.name, about: name, what: "unknown here, and there" });
    }
  }

  onRound(scene: Scene): void {
    const { now, healedAt } = scene;
    if (now < healedAt) return;
    const [first] = this.#wrong;
    const { verdictsMs, agreementMs } = scene.bounds();
    if (first === undefined) {
      if (now >= healedAt + verdictsMs && this.#agreedAt === Number.POSITIVE_INFINITY) this.#agreedAt = now;
    } else if (this.#agreedAt !== Number.POSITIVE_INFINITY || now >= healedAt + agreementMs) {
      const when =
        this.#agreedAt === Number.POSITIVE_INFINITY
          ? `${Math.round(now - healedAt)} ms after healing`
          : `${Math.round(now - this.#agreedAt)} ms after all had agreed`;
      const others = this.#wrong.length - 1;
      const more = others > 0 ? `, and ${others} more` : "";
      scene.report(this, first.node, `${first.about}: ${first.what}; ${when}${more}`, first.about);
    }
    this.#wrong = [];
  }
}

/** What is wrong about a view, given what the member says itself; undefined when nothing is. */
function difference(view: MemberView, own: MemberView | undefined): string | undefined {
  if (own === undefined)
    return view.state === "dead" || view.state === "left" ? undefined : `${view.state} here, and gone`;
  if (view.state !== "alive") return `${view.state} here, and there`;
  if (view.incarnation !== own.incarnation) return `incarnation ${view.incarnation} here, ${own.incarnation} by itself`;
  const [here, there] = [formatEndpoint(view.endpoint), formatEndpoint(own.endpoint)];
  if (here !== there) return `at ${here} here, ${there} by itself`;
  return equalBytes(view.meta, own.meta) ? undefined : "other meta here than by itself";
}
