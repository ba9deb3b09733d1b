/** Carries out a swarm run's faults, and mends them all at the end. */

import type { Machine } from "@hearsay/core";
import type { History } from "./checkers/history.ts";
import { lanLatency } from "./latency.ts";
import type { NetworkConditions } from "./network.ts";
import { type Fault, faultText } from "./swarm-faults.ts";
import { type SwarmMember, type SwarmPool, seeds } from "./swarm-pool.ts";

/** The network without a fault. */
const sound: Required<NetworkConditions> = {
  latency: lanLatency,
  loss: 0,
  bursts: undefined,
  duplicates: 0,
  reorder: undefined,
  bandwidth: undefined,
};
/** Newcomers beyond this many would only make a run longer. */
const mostNewcomers = 10;
/** Pause between the broadcasts of a burst: ms. */
const broadcastPauseMs = 15;

export class SwarmFaults<M extends Machine<E>, E> {
  readonly #pool: SwarmPool<M, E>;
  readonly #history: History;
  readonly #endMs: number;
  readonly #mostMembers: number;
  #partition: Fault | undefined;

  /** @param endMs when everything is mended: faults that last are over by then. */
  constructor(pool: SwarmPool<M, E>, history: History, endMs: number) {
    this.#pool = pool;
    this.#history = history;
    this.#endMs = endMs;
    this.#mostMembers = pool.members.length + mostNewcomers;
  }

  begin(fault: Fault): void {
    const { world, members } = this.#pool;
    const text = faultText(fault).replace(/^ *\S+ s {2}\S+ +/, "");
    const member = "node" in fault ? members[fault.node] : undefined;
    const concerned =
      "from" in fault ? [fault.from, fault.to].map((number) => members[number]!.name) : [member?.name ?? "*"];
    for (const name of concerned) this.#history.fault(world.now, name, fault.kind, text);
    switch (fault.kind) {
      case "loss":
      case "bursts":
      case "duplicates":
      case "reorder":
      case "latency":
      case "bandwidth": {
        world.network.set(fault.conditions);
        this.#at(fault.until, () => world.network.set({ [fault.kind]: sound[fault.kind] }));
        break;
      }
      case "one-way": {
        const [from, to] = [members[fault.from]!.place, members[fault.to]!.place];
        world.network.cut(from, to);
        this.#at(fault.until, () => world.network.mend(from, to));
        break;
      }
      case "flip-flop":
        this.#flip(fault, true);
        break;
      case "partition":
        this.#partition = fault;
        world.partition(...fault.groups.map((group) => group.map((number) => members[number]!.place)));
        this.#at(fault.until, () => {
          if (this.#partition === fault) world.partition();
        });
        break;
      case "stall":
        if (member?.place.alive) world.stall(member.place, fault.ms);
        break;
      case "block":
        if (member?.place.alive) world.block(member.place, fault.ms);
        break;
      case "clock":
        if (member) world.shiftClock(member.place, fault.ms);
        break;
      case "crash":
        if (member?.place.alive) this.#crash(member, fault);
        break;
      case "leave":
        if (member?.place.alive && !member.leaving) this.#leave(member, fault);
        break;
      case "join-wave":
        for (let i = 0; i < fault.count; i++) {
          this.#at(world.now + (i * fault.spreadMs) / fault.count, () => {
            if (members.length < this.#mostMembers) this.#pool.add();
          });
        }
        break;
      case "broadcast":
        for (let i = 0; member && i < fault.count; i++) {
          this.#at(world.now + i * broadcastPauseMs, () => this.#pool.broadcast(member, fault.bytes));
        }
        break;
      case "meta":
        if (member) this.#pool.updateMeta(member, new Uint8Array(fault.bytes).fill(fault.at & 0xff));
        break;
      case "unhealthy": {
        const machine = member?.place.machine;
        if (machine === undefined) break;
        this.#pool.layer.setHealthy(machine, false);
        this.#at(fault.until, () => this.#pool.layer.setHealthy(machine, true));
        break;
      }
    }
  }

  /** Everything is mended, and all are back who are to come back. Returns when the last clock runs again: world ms. */
  heal(): number {
    const { world } = this.#pool;
    world.network.set(sound);
    world.heal();
    this.#history.fault(world.now, "*", "healed");
    let at = world.now;
    for (const member of this.#pool.members) {
      if (!member.gone) this.#comeBack(member);
      if (!member.place.alive) continue;
      this.#pool.layer.setHealthy(member.place.machine, true);
      at = Math.max(at, member.place.lastTold - member.place.clockOffset);
    }
    return at;
  }

  #at(time: number, run: () => void): void {
    if (time < this.#endMs) this.#pool.world.at(time, run);
  }

  #flip(fault: Extract<Fault, { kind: "flip-flop" }>, down: boolean): void {
    const { world, members } = this.#pool;
    const [from, to] = [members[fault.from]!.place, members[fault.to]!.place];
    const over = world.now >= fault.until;
    if (down && !over) world.network.cut(from, to);
    else world.network.mend(from, to);
    if (!over) this.#at(Math.min(fault.until, world.now + fault.periodMs), () => this.#flip(fault, !down));
  }

  #crash(member: SwarmMember<M, E>, fault: Extract<Fault, { kind: "crash" }>): void {
    const memory = fault.memory ? this.#pool.memoryOf(member) : undefined;
    this.#pool.crash(member, fault.host);
    this.#away(member, fault.backAfterMs, () => this.#pool.restart(member, memory, fault.elsewhere));
  }

  #leave(member: SwarmMember<M, E>, fault: Extract<Fault, { kind: "leave" }>): void {
    this.#pool.leave(member);
    this.#away(member, fault.backAfterMs, () => {
      this.#pool.crash(member, false);
      this.#pool.restart(member, undefined, false);
    });
  }

  #away(member: SwarmMember<M, E>, backAfterMs: number | undefined, comeBack: () => void): void {
    member.comeBack = comeBack;
    member.gone = backAfterMs === undefined && member.number >= seeds;
    if (backAfterMs === undefined) return;
    this.#at(this.#pool.world.now + backAfterMs, () => {
      if (member.comeBack === comeBack) this.#comeBack(member);
    });
  }

  #comeBack(member: SwarmMember<M, E>): void {
    const { comeBack } = member;
    if (!comeBack) return;
    member.comeBack = undefined;
    this.#history.fault(this.#pool.world.now, member.name, "comes back");
    comeBack();
  }
}
