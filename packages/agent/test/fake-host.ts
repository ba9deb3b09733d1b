/** An agent's place in front of a FakeNode, with nothing of its own: events are passed on one by one, as they come. */
import type { IncomingQuery, JoinResult, Logger, Member, UserEvent } from "@hearsay/node";
import { AgentAggregates } from "../src/agent/agent-aggregates.ts";
import type { AgentEvent, MemberEventKind } from "../src/agent/agent-event.ts";
import { statGroups } from "../src/agent/stats.ts";
import { LogBook } from "../src/log/log-book.ts";
import type { RpcHost, StatGroups } from "../src/rpc/host.ts";
import type { FakeNode } from "./fake-node.ts";

const MEMBER_KINDS: readonly MemberEventKind[] = [
  ...(["member-join", "member-leave", "member-failed", "member-update", "member-reap"] as const),
];

export class FakeHost implements RpcHost {
  readonly node: FakeNode;
  readonly aggregates: AgentAggregates;
  readonly logBook = new LogBook();
  readonly log: Logger;
  readonly logged: string[] = [];
  readonly #followers = new Set<(event: AgentEvent) => void>();
  ended = false;
  /** Seen by joins, which then wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(node: FakeNode) {
    this.node = node;
    this.aggregates = new AgentAggregates(node);
    const record = (_fields: object, message: string) => void this.logged.push(message);
    this.log = { trace: record, debug: () => {}, info: record, warn: record, error: record };
  }
  async join(targets: readonly string[]): Promise<JoinResult> {
    await this.gate;
    return this.node.join(targets);
  }
  forceLeave(name: string, prune: boolean): Promise<void> {
    return this.node.forceLeave(name, { prune });
  }
  leave(): Promise<void> {
    return this.node.leave();
  }
  afterLeave(): void {
    this.ended = true;
  }
  changeTags(set: Readonly<Record<string, string>>, remove: readonly string[]): Promise<void> {
    const kept = Object.entries(this.node.local().tags).filter(([key]) => !remove.includes(key));
    return this.node.setTags({ ...Object.fromEntries(kept), ...set });
  }
  follow(listener: (event: AgentEvent) => void): () => void {
    if (this.#followers.size === 0) for (const listen of this.#listeners) listen("on");
    this.#followers.add(listener);
    return () => {
      this.#followers.delete(listener);
      if (this.#followers.size === 0) for (const listen of this.#listeners) listen("off");
    };
  }
  /** An event for all that follow, such as one of several members. */
  tell(event: AgentEvent): void {
    for (const follower of this.#followers) follower(event);
  }
  readonly #onUser = (event: UserEvent) => this.tell({ kind: "user", event });
  readonly #onQuery = (query: IncomingQuery) => this.tell({ kind: "query", query });
  readonly #listeners: readonly ((how: "on" | "off") => void)[] = [
    (how) => this.node[how]("user-event", this.#onUser),
    (how) => this.node[how]("query", this.#onQuery),
    ...MEMBER_KINDS.map((kind) => {
      const listener = (member: Member) => this.tell({ kind, members: [member] });
      return (how: "on" | "off") => this.node[how](kind, listener);
    }),
  ];
  stats(): StatGroups {
    return statGroups(this.node, this.aggregates, { handlers: {}, lostEvents: 0, coordinates: true });
  }
}
