/** A node without a network, for tests of what stands in front of one. Members are set by hand; calls are recorded. */
import { EventEmitter } from "node:events";
import type {
  CallOptions,
  Coordinate,
  Explanation,
  HearsayNode,
  JoinResult,
  Member,
  MemberEvent,
  NodeEventMap,
  NodeStats,
  PoolKeys,
  QueryCall,
} from "@hearsay/node";

export function fakeMember(name: string, fields: Partial<Member> = {}): Member {
  return {
    name,
    address: "127.0.0.1",
    port: 7946,
    tags: {},
    status: "alive",
    state: "alive",
    incarnation: 1,
    since: new Date(0),
    ...{ protocolMin: 1, protocolMax: 5, protocolCur: 2 },
    ...{ delegateMin: 2, delegateMax: 5, delegateCur: 5 },
    ...fields,
  };
}

export class FakeNode implements HearsayNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly calls: (readonly unknown[])[] = [];
  table: Member[];
  explanations = new Map<string, Explanation>();
  /** Answers to joins, by address; others fail. */
  reachable = new Set<string>();
  /** What the next call of that name rejects with. */
  failures = new Map<string, Error>();
  readonly #emitter = new EventEmitter();

  constructor(local: Member, others: readonly Member[] = []) {
    this.name = local.name;
    this.address = local.address;
    this.port = local.port;
    this.table = [local, ...others];
  }

  local(): Member {
    return this.member(this.name)!;
  }
  members(): Member[] {
    return [...this.table].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  member(name: string): Member | undefined {
    return this.table.find((member) => member.name === name);
  }
  why(name: string): Explanation | undefined {
    return this.explanations.get(name);
  }
  stats(): NodeStats {
    const count = (status: string) => this.table.filter((member) => member.status === status).length;
    return {
      members: this.table.length,
      alive: count("alive"),
      failed: count("failed"),
      left: count("left"),
      healthScore: 0,
      ...{ memberTime: 3, eventTime: 1, queryTime: 1 },
      ...{ memberQueue: 0, intentQueue: 0, eventQueue: 0, queryQueue: 0 },
      encrypted: false,
      coordinateResets: 0,
      ...{ packetsSent: 0, packetsReceived: 0, bytesSent: 0, bytesReceived: 0, streamsSent: 0, streamsReceived: 0 },
      drops: {},
    };
  }
  on<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
    return this;
  }
  once<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.once(event, listener as (...args: unknown[]) => void);
    return this;
  }
  off<K extends keyof NodeEventMap>(event: K, listener: (...args: NodeEventMap[K]) => void): this {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
    return this;
  }
  emit<K extends keyof NodeEventMap>(event: K, ...args: NodeEventMap[K]): void {
    this.#emitter.emit(event, ...args);
  }
  listenerCount(event: keyof NodeEventMap): number {
    return this.#emitter.listenerCount(event);
  }
  async *events(): AsyncIterable<MemberEvent & { readonly dropped: number }> {}

  async join(targets: readonly string[]): Promise<JoinResult> {
    await this.#record("join", targets);
    const failures = targets
      .filter((target) => !this.reachable.has(target))
      .map((address) => ({ address, error: "connection refused" }));
    return { contacted: targets.length - failures.length, failures };
  }
  leave(): Promise<void> {
    return this.#record("leave");
  }
  forceLeave(name: string, options?: CallOptions & { readonly prune?: boolean }): Promise<void> {
    return this.#record("forceLeave", name, options?.prune ?? false);
  }
  async setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    await this.#record("setTags", tags);
    this.table = this.table.map((member) => (member.name === this.name ? { ...member, tags } : member));
  }
  // Serf's part: to come.
  userEvent(): Promise<void> {
    throw new Error("not there yet");
  }
  query(): QueryCall {
    throw new Error("not there yet");
  }
  get keys(): PoolKeys {
    throw new Error("not there yet");
  }
  rtt(): number | undefined {
    return undefined;
  }
  coordinate(): Coordinate | undefined {
    return undefined;
  }

  setHealthy(): void {}
  close(): Promise<void> {
    return this.#record("close");
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #record(...call: readonly unknown[]): Promise<void> {
    this.calls.push(call);
    const failure = this.failures.get(String(call[0]));
    if (failure !== undefined) throw failure;
  }
}
