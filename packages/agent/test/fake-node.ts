/**
 * A node without a network, for tests of what stands in front of one. Members are set by hand; calls are recorded. Several
 * can be linked into a pool, in which events and queries reach all of them at once.
 */
import { EventEmitter } from "node:events";
import {
  type CallOptions,
  type Coordinate,
  type Explanation,
  type HearsayNode,
  type IncomingQuery,
  type JoinResult,
  type Member,
  type MemberEvent,
  NodeError,
  type NodeErrorCode,
  type NodeEventMap,
  type NodeStats,
  type PoolKeys,
  type QueryOptions,
} from "@hearsay/node";
import { Pattern, SerfError, type SerfErrorCode } from "@hearsay/serf";
import { type MsgpackInput, Writer } from "@hearsay/wire";
import { FakeKeys } from "./fake-keys.ts";
import { FakeQueryCall } from "./fake-query.ts";
import { FakeStateNode } from "./fake-state.ts";

/** Serf's own limits: bytes. */
const EVENT_LIMIT = 512;
const QUERY_LIMIT = 1024;
const RESPONSE_LIMIT = 1024;
const NONE = new Uint8Array(0);

export function fakeMember(name: string, fields: Partial<Member> = {}): Member {
  return {
    name,
    address: "127.0.0.1",
    port: 7946,
    tags: {},
    reservedTags: {},
    capabilities: "",
    status: "alive",
    state: "alive",
    incarnation: 1,
    since: new Date(0),
    ...{ protocolMin: 1, protocolMax: 5, protocolCur: 2 },
    ...{ delegateMin: 2, delegateMax: 5, delegateCur: 5 },
    ...fields,
  };
}

export class FakeNode extends FakeStateNode implements HearsayNode {
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
  /** What members answer to queries by themselves, as event handlers do: by `member query`. */
  scripts = new Map<string, string>();
  /** Members that answer nothing. */
  silent = new Set<string>();
  coordinates = new Map<string, Coordinate>();
  /** Base64, primary first; undefined without encryption. Of all members that are no node of their own. */
  ring: string[] | undefined;
  readonly keys: PoolKeys = new FakeKeys(this);
  /** Queries asked of this node so far. */
  queries: FakeQueryCall[] = [];
  /** How long queries last, compared with what was asked for. */
  timeScale = 1;
  /** Everybody that hears of our events and queries. */
  pool: readonly FakeNode[] = [this];
  #eventTime = 1;
  #queryTime = 1;
  readonly #emitter = new EventEmitter();

  constructor(local: Member, others: readonly Member[] = []) {
    super(local.name);
    this.name = local.name;
    this.address = local.address;
    this.port = local.port;
    this.table = [local, ...others];
  }

  /** Makes one pool of these. */
  static link(nodes: readonly FakeNode[]): void {
    for (const node of nodes) node.pool = nodes;
    FakeStateNode.share(nodes);
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
  drops: Record<string, number> = {};
  stats(): NodeStats {
    const count = (status: string) => this.table.filter((member) => member.status === status).length;
    return {
      members: this.table.length,
      alive: count("alive"),
      failed: count("failed"),
      left: count("left"),
      healthScore: 0,
      ...{ memberTime: 3, eventTime: this.#eventTime, queryTime: this.#queryTime },
      ...{ memberQueue: 0, intentQueue: 0, eventQueue: 0, queryQueue: 0 },
      encrypted: this.ring !== undefined,
      coordinateResets: 0,
      ...{ packetsSent: 0, packetsReceived: 0, bytesSent: 0, bytesReceived: 0, streamsSent: 0, streamsReceived: 0 },
      ...{ statePacketsSent: 7, statePacketsReceived: 6, stateBytesSent: 700, stateBytesReceived: 600 },
      drops: this.drops,
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
    await this.record("join", targets);
    const failures = targets
      .filter((target) => !this.reachable.has(target))
      .map((address) => ({ address, error: "connection refused" }));
    return { contacted: targets.length - failures.length, failures };
  }
  leave(): Promise<void> {
    return this.record("leave");
  }
  forceLeave(name: string, options?: CallOptions & { readonly prune?: boolean }): Promise<void> {
    return this.record("forceLeave", name, options?.prune ?? false);
  }
  async setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    await this.record("setTags", tags);
    this.table = this.table.map((member) => (member.name === this.name ? { ...member, tags } : member));
  }
  async userEvent(
    name: string,
    payload: Uint8Array | string = NONE,
    options: { readonly coalesce?: boolean } = {},
  ): Promise<void> {
    const bytes = Buffer.from(payload);
    const coalesce = options.coalesce ?? false;
    await this.record("userEvent", name, bytes.toString("latin1"), coalesce);
    const lTime = this.#eventTime;
    const tooLarge = (message: string) => nodeError("EVENT_TOO_LARGE", "event-too-long", message);
    if (Buffer.byteLength(name) + bytes.length > EVENT_LIMIT) {
      throw tooLarge(`user event exceeds configured limit of ${EVENT_LIMIT} bytes before encoding`);
    }
    if (encodedBytes({ CC: coalesce, LTime: lTime, Name: name, Payload: bytes }) > EVENT_LIMIT) {
      throw tooLarge(`encoded user event exceeds configured limit of ${EVENT_LIMIT} bytes after encoding`);
    }
    for (const node of this.pool) {
      node.#eventTime = lTime + 1;
      node.emit("user-event", { name, payload: Uint8Array.from(bytes), lTime, coalesce });
    }
  }

  query(name: string, payload: Uint8Array | string = NONE, options: QueryOptions = {}): FakeQueryCall {
    const bytes = Uint8Array.from(Buffer.from(payload));
    this.calls.push(["query", name, Buffer.from(bytes).toString("latin1"), options]);
    const lTime = this.#queryTime;
    const timeoutMs = (options.timeout ?? 3200) * this.timeScale;
    const fields = { Addr: new Uint8Array(4), Flags: 1, ID: 0x7fff_ffff, LTime: lTime, Port: 7946, RelayFactor: 0 };
    const size = encodedBytes({
      ...fields,
      Filters: null,
      SourceNode: this.name,
      Timeout: 1,
      Name: name,
      Payload: bytes,
    });
    const failure =
      this.failures.get("query") ??
      (size > QUERY_LIMIT
        ? nodeError("QUERY_TOO_LARGE", "query-too-long", `query exceeds limit of ${QUERY_LIMIT} bytes`)
        : undefined);
    const call = new FakeQueryCall(lTime, timeoutMs, failure);
    this.queries.push(call);
    if (failure !== undefined) return call;
    for (const node of this.pool) node.#queryTime = lTime + 1;
    const asked = this.members().filter((member) => member.status === "alive" && passes(member, options));
    for (const { name: from } of asked) {
      if (this.silent.has(from)) continue;
      if (options.acks ?? true) call.ack(from);
      const script = this.scripts.get(`${from} ${name}`);
      if (script !== undefined) call.answer(from, Uint8Array.from(Buffer.from(script)));
      const node = this.pool.find((one) => one.name === from);
      if (node === undefined || name.startsWith("_serf_")) continue;
      node.emit("query", incoming(call, this.name, from, { name, payload: bytes, lTime, timeoutMs }));
    }
    if (options.endEarly) call.finish();
    return call;
  }

  ringOf(member: string): string[] | undefined {
    return (this.pool.find((node) => node.name === member) ?? this).ring;
  }

  rtt(a: string, b = this.name): number | undefined {
    const [from, to] = [this.coordinate(a), this.coordinate(b)];
    if (from === undefined || to === undefined) return undefined;
    const straight = Math.hypot(...from.vec.map((component, i) => component - to.vec[i]!));
    return (straight + from.height + to.height) * 1000;
  }
  coordinate(name = this.name): Coordinate | undefined {
    return this.coordinates.get(name);
  }

  setHealthy(): void {}
  close(): Promise<void> {
    return this.record("close");
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Notes a call; rejects if it is to fail. */
  async record(...call: readonly unknown[]): Promise<void> {
    this.calls.push(call);
    const failure = this.failures.get(String(call[0]));
    if (failure !== undefined) throw failure;
  }
}

function passes({ name, tags }: Member, { filterNodes, filterTags }: QueryOptions): boolean {
  if (filterNodes !== undefined && !filterNodes.includes(name)) return false;
  // Found anywhere in the value; a broken pattern matches nobody.
  return Object.entries(filterTags ?? {}).every(([tag, text]) => Pattern.compile(text)?.test(tags[tag] ?? "") ?? false);
}

function incoming(
  call: FakeQueryCall,
  asker: string,
  self: string,
  query: { readonly name: string; readonly payload: Uint8Array; readonly lTime: number; readonly timeoutMs: number },
): IncomingQuery {
  const { timeoutMs, ...told } = query;
  const deadline = new Date(Date.now() + timeoutMs);
  let answered = false;
  return {
    ...told,
    id: query.lTime,
    from: asker,
    deadline,
    async respond(payload) {
      const bytes = Uint8Array.from(Buffer.from(payload));
      const size = encodedBytes({ Flags: 0, From: self, ID: 0x7fff_ffff, LTime: query.lTime, Payload: bytes });
      const problem = (code: NodeErrorCode, serf: SerfErrorCode, message: string) => nodeError(code, serf, message);
      if (size > RESPONSE_LIMIT) {
        throw problem("RESPONSE_TOO_LARGE", "response-too-long", `response exceeds limit of ${RESPONSE_LIMIT} bytes`);
      }
      if (answered) throw problem("ALREADY_ANSWERED", "response-sent", "response already sent");
      if (Date.now() > deadline.getTime()) throw problem("TOO_LATE", "response-late", "response is past the deadline");
      answered = true;
      call.answer(self, bytes);
    },
  };
}

/** As the real node has it: its own words, Serf's beneath. */
function nodeError(code: NodeErrorCode, serf: SerfErrorCode, message: string): NodeError {
  return new NodeError(code, `refused (${code})`, { cause: new SerfError(serf, message) });
}

/** Of a Serf message, its type byte included. */
function encodedBytes(fields: MsgpackInput): number {
  return 1 + new Writer({ dialect: "old" }).value(fields).length;
}
