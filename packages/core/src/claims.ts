/**
 * Claims: what others say about members, and what becomes of it. The state machine of SWIM with memberlist's rules
 * (reference section 11); every transition of every member happens here. Not the detector, and no packet is built here.
 *
 *             alive(inc higher)
 *        ┌──────────────────────────┐
 *        ▼                          │
 *      alive ──suspect──▶ suspect ──┼─time is up─▶ dead ─┐
 *        │                          │                    │ a while later
 *        └──────── dead(from self) ─┴──────────▶ left ───┴──▶ forgotten
 *
 * Stricter than the reference (its section 15): incarnation 0 makes no ghost, a claim that jumps to the end of the range
 * cannot lock anybody out, and the table is bounded.
 */
import { addressText, type Endpoint } from "./endpoint.ts";
import { confirmationsWanted, suspicionMinMs } from "./formulas.ts";
import { gistOfDead, gistOfSuspect, incarnationEdge } from "./hearing.ts";
import type { MemberTable } from "./member-table.ts";
import { type Alive, type Dead, MemberState, MessageType, type Suspect } from "./messages.ts";
import { emptyBytes, equalBytes } from "./names.ts";
import { type Shared, Urgency } from "./shared.ts";
import { type Suspicion, Suspicions } from "./suspicion.ts";
import { TimerKind } from "./timers.ts";

/** The last that can still be refuted. */
const lastIncarnation = 0xffff_fffe;
const stepsAtEdge = 16;

/** The next incarnation of ours; the last of all is never left. */
export function nextIncarnation(incarnation: number): number {
  return Math.min(lastIncarnation, incarnation + 1);
}

/**
 * Whether a claim's incarnation can be true. One that jumps to the end of the range would leave its subject nothing to
 * refute with (reference section 15).
 */
function isPlausible(incarnation: number, known: number): boolean {
  return incarnation <= incarnationEdge || (incarnation <= known + stepsAtEdge && incarnation <= lastIncarnation);
}

/**
 * Whether an accusation is known to change nothing, which is true of nearly all that arrive when many members fail at once.
 * Asked before anything else is done with one.
 */
export function isOldNews(claim: Suspect | Dead, table: MemberTable): boolean {
  return claim.incarnation <= incarnationEdge && table.isDeafTo(claim);
}

/** The same conflict is not reported again for so long: ms. */
const conflictReportMs = 10_000;
const noVersions = new Uint8Array(6);

/** What a claim did; `settle.ts` and tests look at it. */
export type ClaimOutcome = "ignored" | "accepted" | "joined" | "conflict" | "refuted";

export interface ClaimListener {
  /** The own name is claimed from elsewhere: another process, or what is left of our last life. */
  onOwnNameElsewhere(addr: Uint8Array, port: number, incarnation: number, from: Endpoint | undefined): void;
  /** Somebody became alive / stopped being alive (dead or left). */
  onJoined(id: number): void;
  onGone(id: number): void;
}

export class Claims {
  readonly #s: Shared;
  readonly #listener: ClaimListener;
  /** By the row of the suspect (`NameTable.rowOf`). */
  readonly #suspicions: Suspicions;
  /** The last conflict reported about a member: who claimed, and when in ms. */
  readonly #conflictsReported = new Map<number, { claimant: string; at: number }>();
  #isolated = false;

  constructor(shared: Shared, listener: ClaimListener) {
    this.#s = shared;
    this.#listener = listener;
    this.#suspicions = new Suspicions(shared.suspects, shared.config.suspicionMaxTimeoutMult);
  }

  suspicionOf(id: number): Suspicion | undefined {
    return id < 0 ? undefined : this.#suspicions.get(this.#s.table.names.rowOf(id));
  }

  /**
   * Alive (11.2). `own`: from the local node itself, at start or with a change of meta, not from the network.
   * `broadcastId` is reported when the news has been spread.
   */
  applyAlive(claim: Alive, from: Endpoint | undefined, own = false, broadcastId = 0): ClaimOutcome {
    const s = this.#s;
    const table = s.table;
    const self = claim.node === s.name;
    if (self && s.leaving) return "ignored";
    const vsn = claim.vsn && claim.vsn.length >= 6 ? claim.vsn.subarray(0, 6) : null;
    if (claim.vsn && claim.vsn.length >= 3 && !saneVersions(claim.vsn)) {
      s.drop("version-vector", from);
      return "ignored";
    }
    const addr = claim.addr ?? emptyBytes;
    if (addr.length !== 4 && addr.length !== 16) {
      s.drop("address-length", from);
      return "ignored";
    }
    const port = claim.port === 0 ? (s.options.bindPort ?? s.options.port) : claim.port;
    let id = table.find(claim.node);
    const known = id >= 0;
    if (!isPlausible(claim.incarnation, known ? table.incarnation(id) : 0)) {
      s.drop("incarnation-wrap", from);
      return "ignored";
    }
    let update = false;
    if (!known) {
      if (claim.incarnation === 0) {
        s.drop("incarnation-zero", from);
        return "ignored";
      }
      if (table.length >= s.config.maxMembers) {
        s.drop("member-limit", from);
        return "ignored";
      }
      id = table.add(claim.node, s.rng.ring, s.now);
    } else if (table.record(id).port !== port || !equalBytes(table.record(id).addr, addr)) {
      if (self) {
        this.#listener.onOwnNameElsewhere(addr, port, claim.incarnation, from);
        return "conflict";
      }
      if (!this.mayMove(id)) {
        this.#conflict(id, addr, port, claim.incarnation);
        return "conflict";
      }
      update = true;
      s.evidence(claim.node, {
        type: "moved",
        at: s.now,
        incarnation: claim.incarnation,
        address: addressText(addr),
        port,
      });
    }
    const stored = table.incarnation(id);
    if (!self && !update && claim.incarnation <= stored) return "ignored";
    if (self && claim.incarnation < stored) return "ignored";
    if (self && !own) {
      const record = table.record(id);
      const same =
        claim.incarnation === stored &&
        equalBytes(claim.meta ?? emptyBytes, record.meta) &&
        equalBytes(vsn ?? noVersions, record.vsn);
      if (same) return "ignored";
      return this.#onAccused(claim.incarnation, "");
    }

    const before = known ? table.state(id) : MemberState.dead;
    const recordBefore = known ? table.record(id) : undefined;
    this.#dropSuspicion(id);
    table.setIncarnation(id, claim.incarnation);
    const meta = claim.meta ?? emptyBytes;
    table.setRecord(id, table.names.record(id, addr, port, meta, vsn ?? recordBefore?.vsn ?? noVersions));
    if (before !== MemberState.alive) table.setState(id, MemberState.alive, s.now);
    // Good news about a suspect is a refutation: as urgent as the accusation it answers.
    const urgency = before === MemberState.suspect ? Urgency.failure : Urgency.join;
    s.broadcast(
      {
        type: MessageType.alive,
        incarnation: claim.incarnation,
        node: claim.node,
        addr,
        port,
        meta: claim.meta,
        vsn: claim.vsn,
      },
      id,
      urgency,
      broadcastId,
    );
    if (before === MemberState.suspect) {
      s.evidence(claim.node, { type: "refuted", at: s.now, incarnation: claim.incarnation, from: "" });
      s.events.push({ type: "member-refuted", member: s.view(id) });
    }
    if (before === MemberState.dead || before === MemberState.left) {
      if (known) s.evidence(claim.node, { type: "alive", at: s.now, incarnation: claim.incarnation, from: "" });
      s.events.push({ type: "member-join", member: s.view(id) });
      this.#listener.onJoined(id);
      this.#countAlive();
      return "joined";
    }
    if (recordBefore && !equalBytes(recordBefore.meta, meta)) {
      s.events.push({ type: "member-update", member: s.view(id) });
    }
    return "accepted";
  }

  /** Suspect (11.3). `message` is passed on where there is one: the claim as it came. */
  applySuspect(
    incarnation: number,
    node: string,
    accuser: string,
    from: Endpoint | undefined,
    message?: Suspect,
  ): ClaimOutcome {
    const s = this.#s;
    const id = this.#accused(incarnation, node, from, message);
    if (id < 0) return "ignored";
    const { names } = s.table;
    const suspicions = this.#suspicions;
    if (suspicions.has(names.rowOf(id))) {
      const row = names.rowOf(id);
      const bit = message?.accuserBit || names.accuserBit(names.subject(id), accuser);
      if (s.table.hasHeard(id, bit)) return "ignored";
      if (bit !== 0) s.table.hear(id, bit);
      if (!suspicions.confirm(row, bit === 0 ? accuser : undefined)) return "ignored";
      if (suspicions.isSettled(row)) s.table.settle(id);
      s.timers.set(TimerKind.suspicion, row, suspicions.deadline(row));
      this.#logSuspicion("confirmed", node, incarnation, accuser, row);
      this.#spreadSuspicion(id, incarnation, node, accuser, message, gistOfSuspect(row, incarnation, bit));
      return "accepted";
    }
    if (s.table.state(id) !== MemberState.alive) return "ignored";
    if (node === s.name) {
      return this.#onAccused(incarnation, accuser);
    }
    s.counters.suspicions++;
    s.table.setIncarnation(id, incarnation);
    s.table.setState(id, MemberState.suspect, s.now);
    const n = s.table.length;
    const minMs = suspicionMinMs(s.config.suspicionMult, n, s.config.probeIntervalMs);
    // memberlist counts the dead and left here too, and then waits its longest for confirmers who do not exist.
    // Where confirmations could not shorten the wait, none are wanted or passed on.
    const shortens = s.config.suspicionMaxTimeoutMult > 1;
    const wanted = shortens ? confirmationsWanted(s.config.suspicionMult, s.table.aliveCount) : 0;
    const row = names.needRow(id);
    const bit = message?.accuserBit || names.accuserBit(names.subject(id), accuser);
    suspicions.begin(row, wanted, minMs, s.now, bit === 0 ? accuser : undefined);
    if (bit !== 0) s.table.hear(id, bit);
    if (suspicions.isSettled(row)) s.table.settle(id);
    s.timers.set(TimerKind.suspicion, row, suspicions.deadline(row));
    this.#logSuspicion("suspected", node, incarnation, accuser, row);
    this.#spreadSuspicion(id, incarnation, node, accuser, message, gistOfSuspect(row, incarnation, bit));
    s.events.push({ type: "member-suspect", member: s.view(id) });
    return "accepted";
  }

  /** Dead, or left when the accuser is the accused (11.4). `message` as for `applySuspect`. */
  applyDead(
    incarnation: number,
    node: string,
    accuser: string,
    from: Endpoint | undefined,
    message?: Dead,
  ): ClaimOutcome {
    const s = this.#s;
    const id = this.#accused(incarnation, node, from, message);
    if (id < 0) return "ignored";
    if (!s.table.isAliveOrSuspect(id)) {
      this.#dropSuspicion(id);
      return "ignored";
    }
    if (node === s.name && !s.leaving) {
      return this.#onAccused(incarnation, accuser);
    }
    this.#declareDead(id, incarnation, accuser, 0, message);
    return "accepted";
  }

  /** Our own leave: marks self as left and spreads it; `broadcastId` is reported when done (11.7). */
  leave(broadcastId: number): void {
    const s = this.#s;
    if (s.selfId < 0 || !s.table.isAliveOrSuspect(s.selfId)) return;
    this.#declareDead(s.selfId, s.table.incarnation(s.selfId), s.name, broadcastId);
  }

  /** The timer of a suspect has fired: dead, on our own judgement. */
  onSuspicionTimeout(id: number): void {
    const s = this.#s;
    if (!this.#suspicions.has(s.table.names.rowOf(id))) return;
    this.#declareDead(id, s.table.incarnation(id), s.name, 0);
  }

  /** Moves the deadline of every suspicion: in `ms` of standing still no refutation could be heard. */
  excuse(ms: number): void {
    const suspicions = this.#suspicions;
    if (suspicions.count === 0) return;
    const { table, timers } = this.#s;
    for (let i = 0; i < table.length; i++) {
      const row = table.names.rowOf(table.at(i));
      if (!suspicions.has(row)) continue;
      suspicions.excuse(row, ms);
      timers.set(TimerKind.suspicion, row, suspicions.deadline(row));
    }
  }

  /** Well again: what was admitted is refuted now. */
  onHealthy(): void {
    const s = this.#s;
    if (s.admitted < 0) return;
    const { admitted } = s;
    s.admitted = -1;
    if (!s.leaving) this.refute(admitted, "");
  }

  /** An accusation of ourselves, or what is not true of us: refuted, unless the embedder says that it is true. Then the pool shall take us out. */
  #onAccused(incarnation: number, accuser: string): ClaimOutcome {
    const s = this.#s;
    if (s.healthy) {
      this.refute(incarnation, accuser);
      return "refuted";
    }
    s.admitted = Math.max(s.admitted, incarnation);
    return "ignored";
  }

  /** A higher incarnation than the accused one, to everybody (11.5). */
  refute(accused: number, accuser: string): void {
    const s = this.#s;
    s.incarnation = nextIncarnation(Math.max(s.incarnation, accused));
    s.table.setIncarnation(s.selfId, s.incarnation);
    s.awareness.apply(1);
    s.counters.refutations++;
    const record = s.table.record(s.selfId);
    s.evidence(s.name, { type: "refuted", at: s.now, incarnation: s.incarnation, from: accuser });
    s.broadcast(
      {
        type: MessageType.alive,
        incarnation: s.incarnation,
        node: s.name,
        addr: record.addr,
        port: record.port,
        meta: record.meta,
        vsn: record.vsn,
      },
      s.selfId,
      Urgency.failure,
    );
  }

  /** Whether the name may come back from another address: when it has left, or has been dead for long enough. */
  mayMove(id: number): boolean {
    const s = this.#s;
    const state = s.table.state(id);
    if (state === MemberState.left) return true;
    return state === MemberState.dead && s.now - s.table.changedAt(id) >= s.config.deadNodeReclaimMs;
  }

  /** A forgotten member's leftovers. */
  onForget(id: number): void {
    this.#conflictsReported.delete(id);
    this.#dropSuspicion(id);
    this.#s.onForget(id);
  }

  /** The member that an accusation is about, or -1 when it is unknown, outdated or cannot be true. */
  #accused(incarnation: number, node: string, from: Endpoint | undefined, message: Suspect | Dead | undefined): number {
    const s = this.#s;
    const id = message === undefined ? s.table.find(node) : this.#find(message);
    if (id < 0 || incarnation < s.table.incarnation(id)) return -1;
    if (isPlausible(incarnation, s.table.incarnation(id))) return id;
    s.drop("incarnation-wrap", from);
    return -1;
  }

  /** As `table.find`, with the help of what an earlier receiver noted. */
  #find(message: Suspect | Dead): number {
    const { table } = this.#s;
    const noted = message.subject;
    if (noted !== undefined && noted.table === table.names && noted.id >= 0) return table.has(noted.id) ? noted.id : -1;
    const id = table.find(message.node);
    if (id >= 0 && "subject" in message) {
      const subject = table.names.subject(id);
      message.subject = subject;
      if (message.type === MessageType.suspect) message.accuserBit = table.names.accuserBit(subject, message.from);
    }
    return id;
  }

  #declareDead(id: number, incarnation: number, accuser: string, broadcastId: number, message?: Dead): void {
    const s = this.#s;
    const record = s.table.record(id);
    const node = record.name;
    const left = accuser === node;
    const suspicion = s.keepsEvidence ? this.suspicionOf(id) : undefined;
    this.#dropSuspicion(id);
    s.table.setIncarnation(id, incarnation);
    s.table.setState(id, left ? MemberState.left : MemberState.dead, s.now);
    s.broadcast(
      message ?? { type: MessageType.dead, incarnation, node, from: accuser },
      id,
      left ? Urgency.leave : Urgency.failure,
      broadcastId,
      gistOfDead(s.table.names.needRow(id), incarnation),
    );
    if (left) {
      s.evidence(node, { type: "left", at: s.now, incarnation, from: accuser });
    } else {
      s.counters.deaths++;
      s.evidence(node, {
        type: "dead",
        at: s.now,
        incarnation,
        from: accuser,
        suspectedForMs: suspicion ? s.now - suspicion.startedAt : -1,
      });
    }
    s.events.push({ type: "member-leave", member: s.view(id) });
    this.#listener.onGone(id);
    this.#countAlive();
  }

  #dropSuspicion(id: number): void {
    const row = this.#s.table.names.rowOf(id);
    if (!this.#suspicions.has(row)) return;
    this.#suspicions.end(row);
    this.#s.timers.clear(TimerKind.suspicion, row);
  }

  #spreadSuspicion(
    id: number,
    incarnation: number,
    node: string,
    from: string,
    message: Suspect | undefined,
    gist: number,
  ): void {
    this.#s.broadcast(message ?? { type: MessageType.suspect, incarnation, node, from }, id, Urgency.failure, 0, gist);
  }

  #logSuspicion(type: "suspected" | "confirmed", node: string, incarnation: number, from: string, row: number): void {
    if (!this.#s.keepsEvidence) return;
    const suspicion = this.#suspicions.get(row)!;
    this.#s.evidence(node, {
      type,
      at: this.#s.now,
      incarnation,
      from,
      remainingMs: Math.max(0, suspicion.deadline - this.#s.now),
      confirmations: suspicion.confirmations,
      confirmationsWanted: suspicion.wanted,
    });
  }

  /** Reported once in a while for each name: every copy of the same claim comes here. */
  #conflict(id: number, addr: Uint8Array, port: number, incarnation: number): void {
    const s = this.#s;
    const address = addressText(addr);
    const claimant = `${address} ${port}`;
    const last = this.#conflictsReported.get(id);
    if (last?.claimant === claimant && s.now < last.at + conflictReportMs) return;
    this.#conflictsReported.set(id, { claimant, at: s.now });
    s.evidence(s.table.names.nameOf(id), { type: "conflict", at: s.now, incarnation, address, port });
    s.events.push({ type: "conflict", held: s.view(id), address, port, own: false });
  }

  /** Being alone, and no longer, is news (design, rule 5). */
  #countAlive(): void {
    const s = this.#s;
    if (s.selfId < 0 || s.leaving) return;
    const alone = s.table.aliveCount <= 1;
    if (alone === this.#isolated) return;
    this.#isolated = alone;
    s.events.push({ type: alone ? "isolated" : "reconnected" });
  }
}

function saneVersions(vsn: Uint8Array): boolean {
  return vsn[0] !== 0 && vsn[1] !== 0 && vsn[0]! <= vsn[1]!;
}
