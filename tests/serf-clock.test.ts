/** What forged Lamport times do to a pool: a moment's misunderstanding, and nobody is refused for good. */
import { createCodec } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { encodeJoin } from "../packages/serf/src/encode.ts";
import { maxLTimeLeap } from "../packages/serf/src/lamport.ts";
import { type SerfNode, SerfPool } from "./serf-pool.ts";

const codec = createCodec();
const forger = { address: "192.0.2.66", port: 7946 };

/** Join intents about `name(0)` … in one packet, each one leap beyond the one before. */
function forge(pool: SerfPool, node: SerfNode, count: number, name: (i: number) => string): void {
  const base = node.machine.stats().memberTime;
  pool.world.act(node, (serf, now) => {
    for (let i = 0; i < count; i++) {
      const intent = encodeJoin({ lTime: base + (i + 1) * (maxLTimeLeap - 100), node: name(i) });
      serf.handlePacket(forger, codec.encode({ type: 8, payload: intent }), now);
    }
  });
}

function leaveAndGo(pool: SerfPool, node: SerfNode): void {
  pool.world.act(node, (serf, now) => serf.leave(now));
  pool.world.runUntil(() => node.events.some(({ event }) => event.type === "left-pool"), 30_000);
  pool.world.crash(node);
  pool.world.run(30_000);
}

describe("forged Lamport times", () => {
  it.each([
    ["strangers", (i: number) => `ghost${i}`],
    ["a member", () => "n2"],
  ])("about %s, many in one moment, leave the pool able to hear its victim", (_, name) => {
    const pool = new SerfPool({ seed: 5 });
    const nodes = pool.build(5);
    const victim = nodes[4]!;
    forge(pool, victim, 20, name);
    pool.world.run(2000);
    expect(victim.machine.stats().memberTime).toBeLessThan(2 * maxLTimeLeap);
    leaveAndGo(pool, victim);
    for (const node of nodes.slice(0, 4)) expect(node.machine.member("n5")?.status).toBe("left");
  });

  it("that the others have never heard are learned by asking", () => {
    const pool = new SerfPool({ seed: 6 });
    const nodes = pool.build(5);
    const victim = nodes[4]!;
    for (let minute = 0; minute < 6; minute++) {
      for (const node of nodes) {
        // The victim leaps far each time, the others use their leap up for next to nothing.
        const leap = node === victim ? maxLTimeLeap - 100 : 2 ** 22;
        const intent = encodeJoin({ lTime: node.machine.stats().memberTime + leap, node: node.machine.name });
        pool.world.act(node, (serf, now) => serf.handlePacket(forger, codec.encode({ type: 8, payload: intent }), now));
      }
      pool.world.run(60_000);
    }
    pool.world.run(60_000);
    const times = nodes.map((node) => node.machine.stats().memberTime);
    expect(Math.min(...times)).toBeGreaterThan(maxLTimeLeap);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(2 ** 20);
    leaveAndGo(pool, victim);
    for (const node of nodes.slice(0, 4)) expect(node.machine.member("n5")?.status).toBe("left");
  });
});
