/**
 * Reclaiming: taking our own name along to a new address. A process that was killed and comes back on another port finds
 * its name bound to its old address: memberlist's nodes refuse the new one as a conflict, for half a minute or more,
 * until they have forgotten the old entry.
 *
 * A name that has *left* may come back from anywhere, though, and a push/pull's entries are applied in order. So we send
 * a member three entries about ourselves in one exchange: alive at the old address (which un-deads it), left, alive at
 * the new one. We speak for ourselves only. And carefully, because anybody can claim to have seen our name elsewhere:
 *
 *   asking     does anybody answer under our name at the old address? Then it is a true conflict: an event, no more
 *   claiming   ask each member what it holds, without a claim; only who holds the old address gets the three entries
 *
 * A name that is taken back from us after a claim has a living rival that we cannot see: an event, and longer and longer
 * silence, or two processes would tear the name to and fro for ever.
 */
import { addressText, type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { Exchanges } from "./exchanges.ts";
import { MemberState, MessageType, type Ping, type PushPullNode } from "./messages.ts";
import { type Shared, Urgency } from "./shared.ts";
import { TimerKind } from "./timers.ts";

/** Exchanges under way at once. */
const concurrency = 4;
/** Members asked one by one; in larger pools the rest learn when they have forgotten the old entry. */
const maxAsked = 512;
/** A claim is not begun again for so long, whatever is said meanwhile: ms. */
const betweenClaimsMs = 5000;
/** How long a conflict found true is left alone, doubled each time up to the longest: ms. */
const quietMs = 30_000;
const longestQuietMs = 3600_000;

interface OldAddress {
  readonly addr: Uint8Array;
  readonly port: number;
  readonly endpoint: Endpoint;
}

export class Reclaimer {
  readonly #s: Shared;
  readonly #exchanges: Exchanges;
  #phase: "idle" | "asking" | "claiming" = "idle";
  #old: OldAddress | undefined;
  /** Highest incarnation seen at the old address. */
  #highest = 0;
  #seqNo = -1;
  /** Nothing is begun before: ms. */
  #quietUntil = Number.NEGATIVE_INFINITY;
  /** Conflicts found in a row; each doubles the silence. */
  #conflicts = 0;
  /** The incarnation under which we last claimed the name; above it, somebody else has raised it. */
  #claimed = 0;
  #toAsk: Endpoint[] = [];
  #underWay = 0;
  /** Members that showed the old address in the present claim, by `address:port`. */
  readonly #holders = new Set<string>();

  constructor(shared: Shared, exchanges: Exchanges) {
    this.#s = shared;
    this.#exchanges = exchanges;
  }

  /** Somebody (`from`, where known) holds, or says that it holds, our name at another address. */
  onElsewhere(addr: Uint8Array, port: number, incarnation: number, from: Endpoint | undefined): void {
    const s = this.#s;
    const address = addressText(addr);
    if (s.leaving || address === "") return;
    if (this.#phase !== "idle") {
      if (this.#isOld(address, port)) {
        this.#highest = Math.max(this.#highest, incarnation);
        if (from) this.#holders.add(formatEndpoint(from));
      }
      return;
    }
    if (s.now < this.#quietUntil) return;
    if (this.#claimed > 0 && incarnation > this.#claimed) {
      this.#conflict({ address, port });
      return;
    }
    this.#old = { addr: addr.slice(), port, endpoint: { address, port } };
    this.#highest = incarnation;
    this.#holders.clear();
    this.#ask(this.#old.endpoint);
  }

  /** Somebody answers under our name at the other address; false when the ack is not for us. */
  onAck(seqNo: number): boolean {
    if (this.#phase === "idle" || seqNo !== this.#seqNo) return false;
    this.#answered();
    return true;
  }

  /** Nobody answered in time: the name is ours. */
  onTick(): void {
    const s = this.#s;
    if (this.#phase !== "asking" || s.leaving) return;
    this.#phase = "claiming";
    this.#quietUntil = s.now + betweenClaimsMs;
    const ids = s.table.random(
      maxAsked,
      s.rng.relays,
      (id) => id !== s.selfId && s.table.state(id) === MemberState.alive,
    );
    this.#toAsk = ids.map((id) => s.table.record(id).endpoint);
    this.#askMore();
  }

  /** We leave, or the name turned out to be in use: whatever is under way ends without a claim. */
  stop(): void {
    this.#toAsk = [];
    this.#holders.clear();
    this.#s.timers.clear(TimerKind.reclaim);
    this.#phase = "idle";
  }

  #ask(old: Endpoint): void {
    const s = this.#s;
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
    s.send(old, ping, false, false);
    // Twice, because a lost packet must not make us take a name that is in use.
    s.send(old, ping, false, false);
    const seqNo = this.#seqNo;
    this.#exchanges.ping(old, s.name, seqNo, s.config.probeTimeoutMs, (failure) => {
      if (failure === undefined && this.#phase !== "idle" && this.#seqNo === seqNo) this.#answered();
    });
    s.timers.set(TimerKind.reclaim, 0, s.now + s.config.probeTimeoutMs + s.config.gossipIntervalMs);
  }

  #answered(): void {
    const old = this.#old;
    this.stop();
    if (old) this.#conflict(old.endpoint);
  }

  #conflict(rival: Endpoint): void {
    const s = this.#s;
    this.#quietUntil = s.now + Math.min(longestQuietMs, quietMs * 2 ** this.#conflicts);
    this.#conflicts++;
    s.events.push({
      type: "conflict",
      held: s.view(s.selfId),
      address: rival.address,
      port: rival.port,
      own: true,
    });
  }

  #askMore(): void {
    while (this.#phase === "claiming" && this.#underWay < concurrency) {
      const to = this.#toAsk.pop();
      if (!to) break;
      this.#underWay++;
      this.#askOne(to);
    }
    if (this.#underWay === 0 && this.#phase === "claiming") this.#phase = "idle";
  }

  /** First an exchange that claims nothing; its answer comes by way of `onElsewhere` while it is merged. */
  #askOne(to: Endpoint): void {
    const done = () => {
      this.#underWay--;
      this.#askMore();
    };
    this.#exchanges.pushPull(
      to,
      false,
      () => {
        const holds = this.#phase === "claiming" && this.#holders.has(formatEndpoint(to));
        if (holds && !this.#s.leaving) this.#exchanges.pushPull(to, false, done, this.#entries());
        else done();
      },
      [],
    );
  }

  #entries(): PushPullNode[] {
    const s = this.#s;
    const old = this.#old!;
    const record = s.table.record(s.selfId);
    // Members that already have us right hold a higher incarnation than the first two entries, and ignore them.
    if (s.incarnation < this.#highest + 2) {
      s.incarnation = this.#highest + 2;
      s.table.setIncarnation(s.selfId, s.incarnation);
      // Those who have us right are not asked again: they hear of it like this, and what we said before is void.
      const { name, addr, port, meta, vsn } = record;
      const alive = { type: MessageType.alive, incarnation: s.incarnation, node: name, addr, port, meta, vsn };
      s.broadcast(alive, s.selfId, Urgency.join);
    }
    this.#claimed = s.incarnation;
    const first = this.#highest + 1;
    const base = { name: s.name, meta: record.meta, vsn: record.vsn };
    return [
      { ...base, addr: old.addr, port: old.port, incarnation: first, state: MemberState.alive },
      { ...base, addr: old.addr, port: old.port, incarnation: first, state: MemberState.left },
      { ...base, addr: record.addr, port: record.port, incarnation: s.incarnation, state: MemberState.alive },
    ];
  }

  #isOld(address: string, port: number): boolean {
    return this.#old?.endpoint.address === address && this.#old.port === port;
  }
}
