/** Whole pools in virtual time: crashes, cuts, returns. Each runs over several seeds, which stay. */

import { localConfig } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { Swarm, type SwimNode } from "./swarm.ts";

const seeds = [1, 2, 3, 4, 5];

function pool(seed: number, n: number, config = {}): Swarm {
  const swarm = new Swarm(seed, config);
  for (let i = 0; i < n; i++) swarm.add();
  for (const node of swarm.nodes.slice(1)) swarm.join(node, swarm.nodes[0]!);
  if (swarm.world.runUntil(() => swarm.agreed(), 20_000) === undefined) throw new Error("never came up");
  swarm.world.run(5000);
  for (const node of swarm.nodes) node.events.length = 0;
  return swarm;
}

const memberEvents = (node: SwimNode) =>
  node.events.map(({ event }) => event.type).filter((type) => type.startsWith("member-"));

const stateOf = (viewer: SwimNode, name: string) => viewer.machine.member(name)?.state;

describe.each(seeds)("seed %i", (seed) => {
  it("a quiet pool has not one member event in ten minutes", () => {
    const swarm = pool(seed, 12);
    swarm.world.run(600_000);
    for (const node of swarm.nodes) expect(memberEvents(node)).toEqual([]);
  });

  it("stays quiet with one packet in a hundred lost", () => {
    const swarm = pool(seed, 10);
    swarm.world.network.set({ loss: 0.01 });
    swarm.world.run(300_000);
    for (const node of swarm.nodes) expect(memberEvents(node)).not.toContain("member-leave");
  });

  it("a drained node is taken out, stays out, and is back when it is well", () => {
    const swarm = pool(seed, 30);
    const sick = swarm.nodes[7]!;
    const others = swarm.nodes.filter((node) => node !== sick);
    swarm.world.act(sick, (machine) => machine.setHealthy(false));
    const out = () => others.every((node) => stateOf(node, "n7") === "dead");
    expect(swarm.world.runUntil(out, 60_000)).toBeLessThan(25_000);
    for (const node of others) node.events.length = 0;
    // Long enough to be forgotten several times over, and to meet those who have forgotten it.
    swarm.world.run(300_000);
    for (const node of others) expect(memberEvents(node)).toEqual([]);
    expect(sick.machine.counters.refutations).toBe(0);
    swarm.world.act(sick, (machine) => machine.setHealthy(true));
    expect(swarm.world.runUntil(() => others.every((node) => stateOf(node, "n7") === "alive"), 60_000)).toBeDefined();
  });

  it("a crash is known to everyone within memberlist's time, and explained", () => {
    const swarm = pool(seed, 30);
    const victim = swarm.nodes[7]!;
    swarm.world.crash(victim);
    const others = swarm.nodes.filter((node) => node !== victim);
    const took = swarm.world.runUntil(() => others.every((node) => stateOf(node, "n7") === "dead"), 60_000);
    // The probe's second, the suspicion's least time 4 log10 30 = 5.9 s, the wait until someone's turn comes.
    expect(took).toBeLessThan(14_000);
    const accuser = others.find(({ machine }) => machine.why("n7").some(({ type }) => type === "probe-failed"))!;
    const types = accuser.machine.why("n7").map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["ping-unanswered", "indirect-ping-sent", "suspected", "dead"]));
    for (const node of others) expect(memberEvents(node).filter((type) => type === "member-leave")).toHaveLength(1);
  });

  it("traffic cut one way between two members kills neither", () => {
    const swarm = pool(seed, 6);
    const [a, b] = [swarm.nodes[1]!, swarm.nodes[2]!];
    swarm.world.network.cut(a, b);
    swarm.world.run(300_000);
    for (const node of swarm.nodes) expect(memberEvents(node)).not.toContain("member-leave");
  });

  it("halves that gave each other up agree again within 60 s of healing", () => {
    const swarm = pool(seed, 6);
    const left = swarm.nodes.slice(0, 3);
    const right = swarm.nodes.slice(3);
    swarm.world.partition(left, right);
    // Long enough that each side has forgotten the other's rows.
    swarm.world.run(120_000);
    for (const node of swarm.nodes) expect(node.machine.aliveCount).toBe(3);
    swarm.world.heal();
    const took = swarm.world.runUntil(() => swarm.agreed(), 120_000);
    expect(took).toBeLessThan(60_000);
  });

  it("halves healed while the dead are still remembered agree as fast", () => {
    const swarm = pool(seed, 8);
    swarm.world.partition(swarm.nodes.slice(0, 4), swarm.nodes.slice(4));
    expect(
      swarm.world.runUntil(() => swarm.nodes.every(({ machine }) => machine.aliveCount === 4), 60_000),
    ).toBeDefined();
    swarm.world.heal();
    expect(swarm.world.runUntil(() => swarm.agreed(), 120_000)).toBeLessThan(60_000);
  });

  it.each([
    ["that let the dead move", {}],
    ["that bind a dead name to its address, as Go's do", { deadNodeReclaimMs: Number.POSITIVE_INFINITY }],
  ])("a killed member is back on another port within 10 s among peers %s", (_what, config) => {
    const swarm = pool(seed, 6, config);
    const victim = swarm.nodes[4]!;
    for (const waitMs of [500, 20_000]) {
      const old = swarm.nodes.find(({ alive, machine }) => alive && machine.name === victim.machine.name)!;
      swarm.world.crash(old);
      swarm.world.run(waitMs);
      const back = swarm.add("n4", old.endpoint.port + 1);
      swarm.join(back, swarm.nodes[0]!);
      const alive = swarm.nodes.filter((node) => node.alive);
      const atNewPort = () =>
        alive.every(({ machine }) => {
          const view = machine.member("n4");
          return view?.state === "alive" && view.port === back.endpoint.port;
        });
      const took = swarm.world.runUntil(atNewPort, 30_000);
      expect(took, `${waitMs} ms after its death`).toBeLessThan(10_000);
    }
  });

  it("a second process under a living name is a conflict, and changes nothing", () => {
    const swarm = pool(seed, 5);
    const impostor = swarm.add("n2", 9999);
    swarm.join(impostor, swarm.nodes[0]!);
    swarm.world.run(30_000);
    const own = impostor.events.filter(({ event }) => event.type === "conflict" && event.own);
    expect(own.length).toBeGreaterThan(0);
    for (const node of swarm.nodes.slice(0, 5)) {
      expect(node.machine.member("n2")).toMatchObject({ state: "alive", port: 7946 });
      expect(memberEvents(node)).not.toContain("member-leave");
    }
  });

  it("a leave is left, not dead, for everyone", () => {
    const swarm = pool(seed, 8);
    const leaver = swarm.nodes[3]!;
    swarm.world.act(leaver, (machine, now) => machine.leave(now));
    const took = swarm.world.runUntil(() => leaver.events.some(({ event }) => event.type === "left-pool"), 10_000);
    expect(took).toBeLessThan(5000);
    swarm.world.crash(leaver);
    swarm.world.run(3000);
    for (const node of swarm.nodes) if (node !== leaver) expect(stateOf(node, "n3")).toBe("left");
  });

  it("in a small pool every member hears a broadcast from its source, whatever the others do", () => {
    const swarm = pool(seed, 4, localConfig);
    const [first, ...others] = swarm.nodes as [SwimNode, ...SwimNode[]];
    // Only the source may speak: nobody passes anything on.
    for (const from of others) for (const to of swarm.nodes) swarm.world.network.cut(from, to);
    swarm.world.act(first, (machine, now) => machine.broadcastUser(Uint8Array.of(1), 0, now));
    swarm.world.run(1000);
    for (const node of others) expect(node.events.map(({ event }) => event.type)).toContain("user-message");
  });

  it("a process that stood still for half a minute comes back by itself and accuses no one", () => {
    const swarm = pool(seed, 6);
    const sleeper = swarm.nodes[2]!;
    const others = swarm.nodes.filter((node) => node !== sleeper);
    swarm.world.stall(sleeper, 30_000);
    swarm.world.run(29_000);
    for (const node of others) expect(stateOf(node, "n2")).toBe("dead");
    const took = swarm.world.runUntil(() => swarm.agreed(), 60_000);
    expect(took).toBeLessThan(10_000);
    const accused = others
      .flatMap((node) => node.events)
      .filter(({ event }) => event.type === "member-suspect" && event.member.name !== "n2");
    expect(accused).toEqual([]);
    expect(memberEvents(sleeper)).toEqual([]);
  });
});
