/** An agent's place in front of a FakeNode, with nothing of its own. */
import type { JoinResult, Logger, Member } from "@hearsay/node";
import type { AgentEvent } from "../src/agent/agent-event.ts";
import { statGroups } from "../src/agent/stats.ts";
import { LogBook } from "../src/log/log-book.ts";
import type { RpcHost, StatGroups } from "../src/rpc/host.ts";
import type { FakeNode } from "./fake-node.ts";

const KINDS = ["member-join", "member-leave", "member-failed", "member-update", "member-reap"] as const;

export class FakeHost implements RpcHost {
  readonly node: FakeNode;
  readonly logBook = new LogBook();
  readonly log: Logger;
  readonly logged: string[] = [];
  ended = false;
  /** Seen by joins, which then wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(node: FakeNode) {
    this.node = node;
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
  /** The node's events one by one, at once. */
  follow(listener: (event: AgentEvent) => void): () => void {
    const ends = KINDS.map((kind) => {
      const tell = (member: Member) => listener({ kind, members: [member] });
      this.node.on(kind, tell);
      return () => this.node.off(kind, tell);
    });
    return () => {
      for (const end of ends) end();
    };
  }
  stats(): StatGroups {
    return statGroups(this.node);
  }
}
