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
    const { table } = this.#s;
    const nodes: PushPullNode[] = [];
    for (let i = 0; i < table.length; i++) {
      const id = table.at(i);
      const record = table.record(id);
      nodes.push({
        name: record.name,
        addr: record.addr,
        port: record.port,
        meta: record.meta,
        incarnation: table.incarnation(id),
        state: table.state(id),
        vsn: record.vsn,
      });
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
    for (const [i, node] of remote.nodes.entries()) {
      if (this.#opensMove(remote.nodes, i)) continue;
      if (this.#disagrees(node)) disagreed = true;
      if (this.#apply(node, from) === "joined") learned++;
    }
    if (remote.userState.length > 0) {
      s.events.push({ type: "remote-state", payload: remote.userState, join, initiator });
    }
    return { refused: undefined, learned, disagreed };
  }

  #versionMismatch(nodes: readonly PushPullNode[]): string | undefined {
    const remote = nodes.map((node) => ({ name: node.name, state: node.state, vsn: node.vsn ?? emptyBytes }));
    return checkVersions(this.#ownVersions(), remote);
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
