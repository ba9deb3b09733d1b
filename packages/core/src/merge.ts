/**
 * Merging a push/pull's node list (reference 8.4, 11.6): the versions are checked first and refuse it whole; then its
 * entries are claims like any other, except that the dead of others are only suspects to us, so that they get a chance
 * to speak.
 */
import type { Claims } from "./claims.ts";
import type { Endpoint } from "./endpoint.ts";
import { MemberState, MessageType, type PushPull, type PushPullNode } from "./messages.ts";
import { emptyBytes, equalBytes } from "./names.ts";
import type { Shared } from "./shared.ts";
import { checkVersions, type VersionedMember } from "./version-check.ts";

export interface MergeResult {
  /** Why nothing was merged; undefined when it was. */
  readonly refused: string | undefined;
  /** Members that became alive by it. */
  readonly learned: number;
  /** The two sides hold different opinions of somebody's life: refutations are under way, a second look will tell. */
  readonly disagreed: boolean;
}

export type OwnEntryListener = (addr: Uint8Array, port: number, incarnation: number, from: Endpoint) => void;

export class Merger {
  readonly #s: Shared;
  readonly #claims: Claims;
  /** The pool's memory of us under another address, when an entry shows it. */
  readonly #onOwnEntryElsewhere: OwnEntryListener;

  constructor(shared: Shared, claims: Claims, onOwnEntryElsewhere: OwnEntryListener) {
    this.#s = shared;
    this.#claims = claims;
    this.#onOwnEntryElsewhere = onOwnEntryElsewhere;
  }

  /** Our own list, ourselves included, in ring order. */
  localNodes(): PushPullNode[] {
    const { table, selfId, admitted } = this.#s;
    const nodes = new Array<PushPullNode>(table.length);
    for (let i = 0; i < nodes.length; i++) {
      const id = table.at(i);
      // Accused and not objecting: who has forgotten us shall not learn from us that we are alive.
      const accused = id === selfId && admitted >= 0 && table.isAliveOrSuspect(id);
      const state = accused ? MemberState.suspect : table.state(id);
      nodes[i] = table.names.entry(id, table.record(id), table.incarnation(id), state);
    }
    return nodes;
  }

  merge(remote: PushPull, from: Endpoint, join: boolean, initiator: boolean): MergeResult {
    const s = this.#s;
    const mismatch = this.#versionMismatch(remote.nodes);
    const refused = mismatch ?? (join ? s.options.acceptMerge?.(remote.nodes) : undefined);
    if (refused !== undefined) {
      s.drop(mismatch === undefined ? "merge-refused" : "version-mismatch", from);
      s.events.push({ type: "merge-refused", peer: from, reason: refused });
      return { refused, learned: 0, disagreed: false };
    }
    for (const reason of remote.refusals ?? []) s.drop(reason, from);
    let learned = 0;
    let disagreed = false;
    for (let i = 0; i < remote.nodes.length; i++) {
      const node = remote.nodes[i]!;
      if (this.#isOldNews(node) || this.#opensMove(remote.nodes, i)) continue;
      if (this.#disagrees(node)) disagreed = true;
      if (this.#apply(node, from) === "joined") learned++;
    }
    if (remote.userState.length > 0) {
      s.events.push({ type: "remote-state", payload: remote.userState, join, initiator });
    }
    return { refused: undefined, learned, disagreed };
  }

  /** Whether an entry says of a living member what we know: true of nearly all. May say no where the answer is yes. */
  #isOldNews(node: PushPullNode): boolean {
    const s = this.#s;
    const { table } = s;
    if (node.subject === undefined || node.subject.table !== table.names || node.state !== MemberState.alive)
      return false;
    const { id } = node.subject;
    if (id < 0 || id === s.selfId || !table.has(id) || table.state(id) !== MemberState.alive) return false;
    const record = table.record(id);
    return node.addr === record.addr && node.port === record.port && node.incarnation <= table.incarnation(id);
  }

  #versionMismatch(nodes: readonly PushPullNode[]): string | undefined {
    const first = nodes[0]?.vsn;
    if (first && this.#allSpeak(nodes, first)) return undefined;
    const remote = nodes.map((node) => ({ name: node.name, state: node.state, vsn: node.vsn ?? emptyBytes }));
    return checkVersions(this.#ownVersions(), remote);
  }

  /** Whether everybody here and there has these very versions, and they are in order. */
  #allSpeak(nodes: readonly PushPullNode[], vsn: Uint8Array): boolean {
    const { table } = this.#s;
    for (let i = 0; i < nodes.length; i++) if (nodes[i]!.vsn !== vsn) return false;
    for (let i = 0; i < table.length; i++) if (table.record(table.at(i)).vsn !== vsn) return false;
    return checkVersions([], [{ name: this.#s.name, state: MemberState.alive, vsn }]) === undefined;
  }

  *#ownVersions(): Generator<VersionedMember> {
    const { table } = this.#s;
    for (let i = 0; i < table.length; i++) {
      const id = table.at(i);
      const record = table.record(id);
      yield { name: record.name, state: table.state(id), vsn: record.vsn };
    }
  }

  #apply(node: PushPullNode, from: Endpoint): string {
    const s = this.#s;
    switch (node.state) {
      case MemberState.alive:
        return this.#claims.applyAlive(
          {
            type: MessageType.alive,
            incarnation: node.incarnation,
            node: node.name,
            addr: node.addr,
            port: node.port,
            meta: node.meta,
            vsn: node.vsn,
          },
          from,
        );
      case MemberState.suspect:
      case MemberState.dead:
        if (node.name === s.name && node.addr && this.#isElsewhere(node.addr, node.port)) {
          this.#onOwnEntryElsewhere(node.addr, node.port, node.incarnation, from);
        }
        return this.#claims.applySuspect(node.incarnation, node.name, s.name, from);
      case MemberState.left:
        return this.#claims.applyDead(node.incarnation, node.name, node.name, from);
      default:
        return "ignored";
    }
  }

  /** Port 0 is an old peer's way to say: the usual one (8.4). */
  #isElsewhere(addr: Uint8Array, port: number): boolean {
    const own = this.#s.options;
    return (port !== own.port && port !== 0) || !equalBytes(addr, own.addr);
  }

  /**
   * The first two of the three entries by which a restarted member takes its name along to a new address (`reclaim.ts`).
   * Where the name is free to move already, or has moved, they are needless, and would only show as a flicker.
   */
  #opensMove(nodes: readonly PushPullNode[], i: number): boolean {
    const { table } = this.#s;
    const node = nodes[i]!;
    const first = node.state === MemberState.alive ? i : i - 1;
    const [alive, left, moved] = [nodes[first], nodes[first + 1], nodes[first + 2]];
    if (alive?.name !== node.name || left?.name !== node.name || moved?.name !== node.name) return false;
    const isTriple =
      alive.state === MemberState.alive && left.state === MemberState.left && moved.state === MemberState.alive;
    const id = isTriple ? table.find(node.name) : -1;
    if (id < 0) return false;
    const record = table.record(id);
    return (
      this.#claims.mayMove(id) || (record.port === moved.port && equalBytes(record.addr, moved.addr ?? emptyBytes))
    );
  }

  #disagrees(node: PushPullNode): boolean {
    const { table } = this.#s;
    const id = table.find(node.name);
    if (id < 0) return false;
    const here = table.state(id);
    if (node.state === MemberState.alive || node.state === MemberState.suspect) {
      return here === MemberState.dead && node.incarnation <= table.incarnation(id);
    }
    return node.state === MemberState.dead && here <= MemberState.suspect && node.incarnation >= table.incarnation(id);
  }
}
