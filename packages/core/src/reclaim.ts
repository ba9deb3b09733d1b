/**
 * Reclaiming: taking our own name along to a new address. A process that was killed and comes back on another port finds
 * its name bound to its old address: memberlist's nodes refuse the new one as a conflict, for half a minute or more,
 * until they have forgotten the old entry.
 *
 * A name that has *left* may come back from anywhere, though, and a push/pull's entries are applied in order. So we send
 * each member three entries about ourselves in one exchange: alive at the old address (which un-deads it), left, alive
 * at the new one. Only after making sure that nobody answers under our name at the old address: then it is a true
 * conflict, and an event instead. We speak for ourselves only, so nobody's trust is stretched by it.
 */
import { addressText, type Endpoint } from "./endpoint.ts";
import type { Exchanges } from "./exchanges.ts";
import { MemberState, MessageType, type Ping, type PushPullNode } from "./messages.ts";
import { equalBytes } from "./names.ts";
import type { Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** Exchanges under way at once. */
const concurrency = 4;
/** Members told one by one; in larger pools the rest learn when they have forgotten the old entry. */
const maxTold = 512;
/** After this, members told once are told again if the pool still shows the old address: ms. */
const tellAgainMs = 5000;
/** How long a conflict found true is left alone: ms. */
const quietAfterConflictMs = 30_000;

export class Reclaimer {
  readonly #s: Shared;
  readonly #exchanges: Exchanges;
  #old: { addr: Uint8Array; port: number; endpoint: Endpoint } | undefined;
  #highest = 0;
  #phase: "idle" | "asking" | "claiming" = "idle";
  #seqNo = -1;
  #quietUntil = Number.NEGATIVE_INFINITY;
  readonly #told = new Set<string>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #toTell: Endpoint[] = [];

  constructor(shared: Shared, exchanges: Exchanges) {
    this.#s = shared;
    this.#exchanges = exchanges;
  }

  /** The pool, or a part of it, holds our name at another address. */
  onElsewhere(addr: Uint8Array, port: number, incarnation: number): void {
    const s = this.#s;
    const address = addressText(addr);
    if (s.leaving || address === "" || s.now < this.#quietUntil) return;
    this.#highest = Math.max(this.#highest, incarnation);
    if (this.#phase !== "idle") return;
    if (!this.#old || this.#old.port !== port || !equalBytes(this.#old.addr, addr)) {
      this.#old = { addr: addr.slice(), port, endpoint: { address, port } };
      this.#told.clear();
    }
    if (s.now - this.#toldAt > tellAgainMs) this.#told.clear();
    this.#phase = "asking";
    this.#seqNo = s.nextSeqNo();
    const ping: Ping = {
      type: MessageType.ping,
      seqNo: this.#seqNo,
      node: s.name,
      sourceAddr: s.options.addr,
      sourcePort: s.options.port,
      sourceNode: s.name,
    };
    s.send(this.#old.endpoint, ping, false, false);
    // Twice, because a lost packet must not make us take a name that is in use.
    s.send(this.#old.endpoint, ping, false, false);
    this.#exchanges.ping(this.#old.endpoint, s.name, this.#seqNo, s.config.probeTimeoutMs, (failure) => {
      if (failure === undefined) this.#answered();
    });
    s.timers.set(TimerKind.reclaim, 0, s.now + s.config.probeTimeoutMs + s.config.gossipIntervalMs);
  }

  /** Somebody answers under our name at the other address; false when the ack is not for us. */
  onAck(seqNo: number): boolean {
    if (this.#phase !== "asking" || seqNo !== this.#seqNo) return false;
    this.#answered();
    return true;
  }

  /** Nobody answered in time: the name is ours. */
  onTick(): void {
    const s = this.#s;
    if (this.#phase !== "asking") return;
    this.#phase = "claiming";
    s.incarnation = Math.max(s.incarnation, this.#highest + 2);
    s.table.setIncarnation(s.selfId, s.incarnation);
    const ids = s.table.random(
      maxTold,
      s.rng.relays,
      (id) => id !== s.selfId && s.table.state(id) === MemberState.alive && !this.#told.has(s.table.record(id).name),
    );
    this.#toTell = ids.map((id) => {
      this.#told.add(s.table.record(id).name);
      return s.table.record(id).endpoint;
    });
    this.#toldAt = s.now;
    for (let i = 0; i < concurrency; i++) this.#tellNext();
  }

  #answered(): void {
    const s = this.#s;
    if (this.#phase !== "asking" || !this.#old) return;
    this.#phase = "idle";
    this.#quietUntil = s.now + quietAfterConflictMs;
    s.timers.clear(TimerKind.reclaim);
    s.events.push({
      type: "conflict",
      held: s.view(s.selfId),
      address: this.#old.endpoint.address,
      port: this.#old.port,
      own: true,
    });
  }

  #tellNext(): void {
    const to = this.#toTell.pop();
    if (!to) {
      this.#phase = "idle";
      return;
    }
    this.#exchanges.pushPull(to, false, () => this.#tellNext(), this.#entries());
  }

  #entries(): PushPullNode[] {
    const s = this.#s;
    const record = s.table.record(s.selfId);
    const incarnation = s.table.incarnation(s.selfId);
    const old = this.#old!;
    const base = { name: s.name, meta: record.meta, vsn: record.vsn };
    return [
      { ...base, addr: old.addr, port: old.port, incarnation: incarnation - 1, state: MemberState.alive },
      { ...base, addr: old.addr, port: old.port, incarnation: incarnation - 1, state: MemberState.left },
      { ...base, addr: record.addr, port: record.port, incarnation, state: MemberState.alive },
    ];
  }
}
