/**
 * Follows what each process thinks of each member, from the evidence it reports and by looking at its table, and says of
 * each step whether the incarnation may begin anew in it:
 *
 * - *forgotten*: dead or left for longer than `gossipToTheDeadMs` by the process's own clock, and then learned again;
 * - *moved*: the name was free (left, or dead for `deadNodeReclaimMs`) and has come back from another address.
 */
import { type Endpoint, formatEndpoint, type MemberView, type SwimConfig, type SwimEvent } from "@hearsay/core";
import type { Opinion, Step, Watched } from "./checker.ts";

interface Known {
  opinion: Opinion;
  /** It has been seen to be gone from the table. */
  absent: boolean;
  /** The address it announced to have moved to, until the step that follows. */
  moving: string | undefined;
  /** Where it was seen last; one object for as long as nothing changes. */
  endpoint: Endpoint | undefined;
}

export class Opinions {
  readonly #config: SwimConfig;
  readonly #onStep: (step: Step) => void;
  readonly #byProcess = new Map<Watched, Map<string, Known>>();

  constructor(config: SwimConfig, onStep: (step: Step) => void) {
    this.#config = config;
    this.#onStep = onStep;
  }

  end(by: Watched): void {
    this.#byProcess.delete(by);
  }

  onEvent(by: Watched, event: SwimEvent): void {
    switch (event.type) {
      case "evidence": {
        const { evidence, name } = event;
        if (evidence.type === "moved") {
          const known = this.#known(by, name);
          const { address, port } = evidence;
          if (known) known.moving = formatEndpoint({ address, port });
        } else if (evidence.type === "suspected") this.#saw(by, name, "suspect", evidence.incarnation, evidence.at);
        else if (evidence.type === "dead") this.#saw(by, name, "dead", evidence.incarnation, evidence.at);
        else if (evidence.type === "left") this.#saw(by, name, "left", evidence.incarnation, evidence.at);
        else if (evidence.type === "refuted" || evidence.type === "alive") {
          this.#saw(by, name, "alive", evidence.incarnation, evidence.at);
        }
        break;
      }
      case "member-join":
      case "member-update":
      case "member-suspect":
      case "member-refuted":
      case "member-leave":
        this.#sawView(by, event.member);
        break;
    }
  }

  onLook(by: Watched, members: readonly MemberView[]): void {
    const all = this.#byProcess.get(by);
    for (const member of members) this.#sawView(by, member);
    if (all === undefined || all.size === members.length) return;
    const present = new Set(members.map(({ name }) => name));
    for (const [name, known] of all) if (!present.has(name)) known.absent = true;
  }

  #known(by: Watched, name: string): Known | undefined {
    return this.#byProcess.get(by)?.get(name);
  }

  #sawView(by: Watched, view: MemberView): void {
    const known = this.#known(by, view.name);
    if (known !== undefined && known.endpoint === view.endpoint && !known.absent) {
      const { state, incarnation } = known.opinion;
      if (state === view.state && incarnation === view.incarnation) return;
    }
    this.#saw(by, view.name, view.state, view.incarnation, view.since, formatEndpoint(view.endpoint));
    const now = this.#known(by, view.name);
    if (now) now.endpoint = view.endpoint;
  }

  #saw(
    by: Watched,
    about: string,
    state: Opinion["state"],
    incarnation: number,
    since: number,
    address?: string,
  ): void {
    let all = this.#byProcess.get(by);
    if (all === undefined) {
      all = new Map();
      this.#byProcess.set(by, all);
    }
    const known = all.get(about);
    const before = known?.opinion;
    if (known && before && !known.absent && before.state === state && before.incarnation === incarnation) {
      // Where only the address has changed, a move without a raised incarnation: for the next step.
      if (address !== undefined && address !== before.address) known.opinion = { ...before, address };
      return;
    }
    const after: Opinion = { state, incarnation, since, address: address ?? known?.moving ?? before?.address ?? "" };
    const excuse = known && before ? this.#excuse(by, before, after) : undefined;
    all.set(about, { opinion: after, absent: false, moving: undefined, endpoint: undefined });
    this.#onStep({ by, about, before, after, excuse });
  }

  #excuse(by: Watched, before: Opinion, after: Opinion): Step["excuse"] {
    if (before.state === "alive" || before.state === "suspect") return undefined;
    // Its own clock: what it counts by.
    const goneMs = Math.max(by.place.lastTold, after.since) - before.since;
    if (goneMs > this.#config.gossipToTheDeadMs) return "forgotten";
    const free = before.state === "left" || goneMs >= this.#config.deadNodeReclaimMs;
    return free && before.address !== "" && after.address !== before.address ? "moved" : undefined;
  }
}
