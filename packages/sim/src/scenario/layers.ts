/** The two layers a scenario can be about: raw memberlist pools of `Swim`, and pools of `Serf` around it. */
import { type KnownMember, KnownPool, Swim, type SwimEvent, type SwimOptions } from "@hearsay/core";
import { Serf, type SerfEvent, type Tags } from "@hearsay/serf";
import { encodeUtf8, Writer } from "@hearsay/wire";
import { addressOf, endpointOf } from "../pool.ts";
import type { SimNode } from "../sim-node.ts";
import { Cluster, port } from "./cluster.ts";
import type { MemberLine, NewsListener, Pool } from "./pool.ts";
import type { PoolSettings, SeenState } from "./scenario.ts";

export function createPool(settings: PoolSettings, tell: NewsListener): Pool {
  return settings.layer === "serf" ? new SerfCluster(settings, tell) : new SwimCluster(settings, tell);
}

/** Nodes of a warm start between two pauses. */
const pauseAfter = 200;
/** What `Swim` says of its versions without a layer above. */
const versions = Uint8Array.of(1, 5, 2, 0, 0, 0);

class SwimCluster extends Cluster<Swim, SwimEvent> {
  /** Current meta of each node, for those that start again. */
  readonly #meta: Uint8Array[];

  constructor(settings: PoolSettings, tell: NewsListener) {
    super(settings, tell);
    const meta = new Uint8Array(settings.metaBytes).fill(0x6d);
    this.#meta = new Array<Uint8Array>(settings.nodes).fill(meta);
  }

  override *warm(nodes: readonly number[]): Generator<undefined, void, void> {
    const known = new KnownPool(
      this.names,
      nodes.map((node): KnownMember => {
        const meta = this.#meta[node]!;
        return { name: this.nameOf(node), addr: addressOf(node), port, meta, vsn: versions, incarnation: 1 };
      }),
    );
    for (const [i, node] of nodes.entries()) {
      this.add(node, (machine, now) => machine.start(now, known));
      if (i % pauseAfter === pauseAfter - 1) yield;
    }
  }

  override quiet(): boolean {
    return this.running().every((node) => isQuiet(this.nodes[node]!.machine));
  }

  override holds(node: number, about: number): SeenState {
    return this.nodes[node]?.machine.member(this.nameOf(about))?.state ?? "unknown";
  }

  override members(node: number): MemberLine[] {
    const members = this.nodes[node]?.machine.members() ?? [];
    return members.flatMap(({ name, state, incarnation }) => {
      const number = this.numberOf(name);
      return number === undefined ? [] : [{ node: number, state, incarnation }];
    });
  }

  override setMeta(node: number, text: string): void {
    const meta = encodeUtf8(text);
    this.#meta[node] = meta;
    if (this.runs(node)) this.world.act(this.nodes[node]!, (machine, now) => machine.updateMeta(meta, now));
  }

  override setTags(): void {
    throw new RangeError("tags are for layer serf");
  }

  protected override machine(options: SwimOptions, node: number): Swim {
    return new Swim({ ...options, meta: this.#meta[node]! });
  }

  protected override swim(machine: Swim): Swim {
    return machine;
  }

  protected override beginJoin(machine: Swim, seed: number, now: number): void {
    machine.join(endpointOf(seed), now);
  }

  protected override beginLeave(machine: Swim, now: number): void {
    machine.leave(now);
  }

  /** Begins with the members that the last process held alive, and its incarnation. */
  protected override startAgain(node: SimNode<Swim, SwimEvent>, machine: Swim): readonly number[] {
    const before = node.machine
      .members()
      .filter(({ name, state }) => state !== "dead" && (state !== "left" || name === machine.name));
    const known = new KnownPool(
      this.names,
      before.map((member): KnownMember => ({ ...member })),
    );
    this.world.restart(node, machine, (started, now) => started.start(now, known));
    return before.flatMap(({ name }) => this.numberOf(name) ?? []).sort((a, b) => a - b);
  }

  protected override sendBroadcast(node: SimNode<Swim, SwimEvent>, number: number, text: string): void {
    this.inject(node, encodeUtf8(`${number} ${text}`));
  }

  protected override onEvent(node: number, event: SwimEvent): void {
    switch (event.type) {
      case "member-join":
        this.news(node, "joined", event.member.name);
        return;
      case "member-suspect":
        this.news(node, "suspected", event.member.name);
        return;
      case "member-refuted":
        this.news(node, "refuted", event.member.name);
        return;
      case "member-update":
        this.news(node, "updated", event.member.name);
        return;
      case "member-leave":
        this.news(node, event.member.state === "left" ? "left" : "dead", event.member.name);
        return;
      case "user-message": {
        // A raw pool's user messages are passed on by whoever reads them; here, once each.
        if (!this.hear(node, leadingNumber(event.payload))) return;
        this.world.act(this.nodes[node]!, (machine, now) => machine.broadcastUser(event.payload, 2, now));
        return;
      }
      case "isolated":
        this.ownNews(node, "isolated");
        return;
      case "reconnected":
        this.ownNews(node, "no longer isolated");
        return;
      case "join-result":
        if (event.error !== undefined) this.ownNews(node, "join failed");
        return;
      case "left-pool":
        this.ended(node);
        return;
      default:
    }
  }
}

class SerfCluster extends Cluster<Serf, SerfEvent> {
  readonly #tags: Tags[];

  constructor(settings: PoolSettings, tell: NewsListener) {
    super(settings, tell);
    this.#tags = new Array<Tags>(settings.nodes).fill({});
  }

  /** Real joins through the first: statuses and Lamport times come about only by them. */
  override *warm(nodes: readonly number[]): Generator<undefined, void, void> {
    for (const [i, node] of nodes.entries()) {
      this.join(node, i === 0 ? undefined : nodes[0]);
      if (i % pauseAfter === pauseAfter - 1) yield;
    }
  }

  override quiet(): boolean {
    return this.running().every((node) => isQuiet(this.nodes[node]!.machine.swim));
  }

  override holds(node: number, about: number): SeenState {
    const member = this.nodes[node]?.machine.member(this.nameOf(about));
    if (member === undefined) return "unknown";
    if (member.status === "left") return "left";
    if (member.status === "failed") return "dead";
    return member.state === "suspect" ? "suspect" : "alive";
  }

  override members(node: number): MemberLine[] {
    const members = this.nodes[node]?.machine.members() ?? [];
    return members.flatMap(({ name, status, state, incarnation }) => {
      const number = this.numberOf(name);
      if (number === undefined) return [];
      const shown =
        status === "failed"
          ? "dead"
          : status === "left" || status === "leaving"
            ? status
            : state === "suspect"
              ? state
              : "alive";
      return [{ node: number, state: shown, incarnation }];
    });
  }

  override setMeta(): void {
    throw new RangeError("meta is for layer memberlist");
  }

  override setTags(node: number, tags: Tags): void {
    this.#tags[node] = tags;
    if (this.runs(node)) this.world.act(this.nodes[node]!, (machine, now) => machine.setTags(tags, now));
  }

  protected override machine(options: SwimOptions, node: number): Serf {
    return new Serf({ ...options, tags: this.#tags[node]! });
  }

  protected override swim(machine: Serf): Swim {
    return machine.swim;
  }

  protected override beginJoin(machine: Serf, seed: number, now: number): void {
    machine.join(endpointOf(seed), now);
  }

  protected override beginLeave(machine: Serf, now: number): void {
    // A leave that is under way goes on.
    if (machine.inspect().leavePhase === "none") machine.leave(now);
  }

  /** A Serf agent remembers whom it knew, no more: it begins alone and joins those. */
  protected override startAgain(node: SimNode<Serf, SerfEvent>, machine: Serf): readonly number[] {
    const before = this.members(this.numberOf(node.machine.name)!);
    this.world.restart(node, machine);
    return before.filter(({ state }) => state !== "dead" && state !== "left").map((member) => member.node);
  }

  protected override sendBroadcast(node: SimNode<Serf, SerfEvent>, number: number, text: string): void {
    const lTime = node.machine.stats().eventTime;
    const event = { CC: false, LTime: lTime, Name: `${number}`, Payload: encodeUtf8(text) };
    this.inject(node, new Writer().byte(userEventType).value(event).finish());
  }

  protected override onEvent(node: number, event: SerfEvent): void {
    switch (event.type) {
      case "member-join":
        this.news(node, "joined", event.member.name);
        return;
      case "member-suspect":
        this.news(node, "suspected", event.member.name);
        return;
      case "member-refuted":
        this.news(node, "refuted", event.member.name);
        return;
      case "member-update":
        this.news(node, "updated", event.member.name);
        return;
      case "member-failed":
        this.news(node, "dead", event.member.name);
        return;
      case "member-leave":
        this.news(node, "left", event.member.name);
        return;
      case "member-reap":
        this.news(node, "forgotten", event.member.name);
        return;
      case "user-event":
        this.hear(node, Number(event.name));
        return;
      case "isolated":
        this.ownNews(node, "isolated");
        return;
      case "reconnected":
        this.ownNews(node, "no longer isolated");
        return;
      case "join-result":
        if (event.error !== undefined) this.ownNews(node, "join failed");
        else this.world.act(this.nodes[node]!, (machine, now) => machine.joined(now));
        return;
      case "left-pool":
        this.ended(node);
        return;
      default:
    }
  }
}

/** First byte of a user event among Serf's messages (serf protocol notes, section 3). */
const userEventType = 3;

function isQuiet(swim: Swim): boolean {
  return ["member" as const, 0 as const, 1 as const, 2 as const].every((queue) => swim.queueLength(queue) === 0);
}

/** The number that a raw broadcast begins with. */
function leadingNumber(payload: Uint8Array): number {
  let value = 0;
  for (const byte of payload) {
    if (byte < 0x30 || byte > 0x39) break;
    value = 10 * value + byte - 0x30;
  }
  return value;
}
