/** One broadcast and one group of crashes, watched member by member. */
import type { SwimEvent } from "@hearsay/core";
import type { SwimNode, SwimPool } from "../pool.ts";

/** Begins at once. Every member passes the message on when it sees it first, as Serf does. */
export class BroadcastTrial {
  halfMs: number | undefined;
  ninetyNineMs: number | undefined;
  everyoneMs: number | undefined;
  readonly #pool: SwimPool;
  readonly #number: number;
  readonly #seen: Uint8Array;
  readonly #startedAt: number;
  #have = 0;

  /** @param number tells it from other broadcasts. */
  constructor(pool: SwimPool, number: number, payloadBytes: number, source: number) {
    this.#pool = pool;
    this.#number = number;
    this.#seen = new Uint8Array(pool.nodes.length);
    this.#startedAt = pool.world.now;
    const payload = new Uint8Array(payloadBytes);
    new DataView(payload.buffer).setUint32(0, number);
    pool.world.onEvent = (node, event, now) => this.#onEvent(node, event, now);
    this.#has(pool.nodes[source]!, payload, this.#startedAt);
  }

  get done(): boolean {
    return this.#have === this.#seen.length;
  }

  /** Members without it. */
  get missing(): number {
    return this.#seen.length - this.#have;
  }

  end(): void {
    this.#pool.world.onEvent = undefined;
  }

  #onEvent(node: SwimNode, event: SwimEvent, now: number): void {
    if (event.type !== "user-message" || this.#seen[node.index] === 1) return;
    const { payload } = event;
    if (new DataView(payload.buffer, payload.byteOffset).getUint32(0) === this.#number) this.#has(node, payload, now);
  }

  #has(node: SwimNode, payload: Uint8Array, now: number): void {
    this.#seen[node.index] = 1;
    this.#have++;
    const n = this.#seen.length;
    const elapsedMs = now - this.#startedAt;
    if (this.#have >= 0.5 * n) this.halfMs ??= elapsedMs;
    if (this.#have >= 0.99 * n) this.ninetyNineMs ??= elapsedMs;
    if (this.#have === n) this.everyoneMs = elapsedMs;
    this.#pool.world.act(node, (machine, at) => machine.broadcastUser(payload, 2, at));
  }
}

interface Victim {
  suspectedMs: number | undefined;
  deadMs: number | undefined;
  everyoneMs: number | undefined;
  known: number;
}

/** Crashes some members at once and waits until every survivor holds each of them dead. */
export class CrashTrial {
  readonly #pool: SwimPool;
  readonly #victims = new Map<string, Victim>();
  readonly #survivors: number;
  readonly #startedAt: number;
  #open: number;

  constructor(pool: SwimPool, crashed: readonly number[]) {
    this.#pool = pool;
    this.#startedAt = pool.world.now;
    for (const index of crashed) {
      this.#victims.set(pool.nameOf(index), {
        suspectedMs: undefined,
        deadMs: undefined,
        everyoneMs: undefined,
        known: 0,
      });
      pool.world.crash(pool.nodes[index]!);
    }
    this.#survivors = pool.living().length;
    this.#open = crashed.length;
    pool.world.onEvent = (_node, event, now) => this.#onEvent(event, now - this.#startedAt);
  }

  get done(): boolean {
    return this.#open === 0;
  }

  /** One value for each crash; undefined where it has not come to that. */
  get firstSuspicionMs(): (number | undefined)[] {
    return [...this.#victims.values()].map((victim) => victim.suspectedMs);
  }

  get firstDeadMs(): (number | undefined)[] {
    return [...this.#victims.values()].map((victim) => victim.deadMs);
  }

  get everyoneMs(): (number | undefined)[] {
    return [...this.#victims.values()].map((victim) => victim.everyoneMs);
  }

  end(): void {
    this.#pool.world.onEvent = undefined;
  }

  #onEvent(event: SwimEvent, elapsedMs: number): void {
    if (event.type !== "member-suspect" && event.type !== "member-leave") return;
    const victim = this.#victims.get(event.member.name);
    if (victim === undefined) return;
    if (event.type === "member-suspect") {
      victim.suspectedMs ??= elapsedMs;
      return;
    }
    victim.deadMs ??= elapsedMs;
    if (++victim.known < this.#survivors) return;
    victim.everyoneMs = elapsedMs;
    this.#open--;
  }
}
