/**
 * What a node at rest is woken for. A driver that puts off what may wait, as the one of `@hearsay/node` does: until a packet
 * comes, something else is due, or the time is up. A wake-up costs a process more than what is done in it, so this counts.
 */

import type { Endpoint } from "@hearsay/core";
import { type ExtendedEvent, ExtendedSerf, withCapabilities } from "@hearsay/extended";
import type { SerfOptions, Tags } from "@hearsay/serf";
import { PoolOfSerfs } from "@hearsay/sim";
import { expect, test } from "vitest";

type Sharing = "alone" | "among others";

/** A machine with that driver around it. */
class Patient extends ExtendedSerf {
  wakeUps = 0;
  sharing: Sharing = "alone";

  override nextDeadline(): number {
    return this.sharing === "alone" ? this.latestWakeAlone() : this.latestWake();
  }

  override handleTimeout(now: number): void {
    this.wakeUps++;
    super.handleTimeout(now);
  }

  override handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    const latest = this.nextDeadline();
    const isPutOff = super.nextDeadline() <= now && now <= latest;
    super.handlePacket(from, bytes, now);
    if (isPutOff) super.handleTimeout(now);
  }
}

class RestingPool extends PoolOfSerfs<Patient, ExtendedEvent> {
  readonly #state: boolean;

  constructor(seed: number, state: boolean) {
    super({ seed });
    this.#state = state;
  }

  protected make(options: SerfOptions): Patient {
    const { extensions: _, ...serf } = options;
    if (!this.#state) return new Patient(serf);
    return new Patient({
      ...serf,
      extensions: { wallOffsetMs: 1_790_000_000_000, generation: 1_790_000_000_001, life: 1 },
    });
  }

  protected override tagsOf(_name: string, tags: Tags): Tags {
    return this.#state ? withCapabilities(tags) : tags;
  }
}

/** Counted for so long, after a minute for what a beginning has to say. */
const seconds = 60;

function atRest(nodes: number, state: boolean, sharing: Sharing) {
  const pool = new RestingPool(1, state);
  pool.addConverged(nodes);
  for (const { machine } of pool.nodes) machine.sharing = sharing;
  const suspects: string[] = [];
  pool.world.onEvent = (_node, event) => {
    if (event.type === "phi-suspect") suspects.push(event.name);
  };
  pool.world.run(60_000);
  const wakeUps = () => pool.nodes.reduce((sum, { machine }) => sum + machine.wakeUps, 0);
  const rounds = () => pool.nodes.reduce((sum, { machine }) => sum + (machine.traffic?.packetsSent ?? 0), 0);
  const before = { wakeUps: wakeUps(), rounds: rounds() };
  pool.world.run(1000 * seconds);
  const per = nodes * seconds;
  return { pool, suspects, wakeUps: (wakeUps() - before.wakeUps) / per, rounds: (rounds() - before.rounds) / per };
}

// Woken for each thing at its time, it was 3.2 and 2.8 times a second.
test.each([
  ["alone", 20, 1.5],
  ["among others", 50, 1],
] as const)(
  "%s in its process, one of %d: a timer wakes it less than %d times a second, and rounds and heartbeats are as many",
  (...row) => {
    const [sharing, nodes, most] = row;
    const without = atRest(nodes, false, sharing);
    const { pool, suspects, wakeUps, rounds } = atRest(nodes, true, sharing);
    expect(wakeUps).toBeLessThan(most);
    expect(wakeUps - without.wakeUps).toBeLessThan(0.35);
    expect(rounds).toBeGreaterThan(0.97);
    expect(rounds).toBeLessThan(1.1);
    expect(suspects).toEqual([]);
    const [first, second] = pool.nodes;
    const heard = first!.machine.phi(second!.machine.name, pool.world.now)!;
    const { heartbeatHeardMs } = first!.machine.state;
    expect(heard.samples).toBeGreaterThan(20);
    expect(heard.meanMs / heartbeatHeardMs).toBeGreaterThan(0.8);
    expect(heard.meanMs / heartbeatHeardMs).toBeLessThan(1.2);
  },
);
