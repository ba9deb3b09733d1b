/**
 * Both fidelities of the simulator run the same protocol code and must give the same history: every packet and stream at
 * the same time, between the same two and of the same size, and every event at the same node in the same order, whatever
 * happens to the pool meanwhile.
 */
import { Rng, type SwimEvent } from "@hearsay/core";
import { type FidelityName, type SwimNode, SwimPool } from "@hearsay/sim";
import { expect, it } from "vitest";

interface History {
  readonly digest: string;
  /** Of all events, with node and time. */
  readonly events: number;
  readonly seen: ReadonlySet<SwimEvent["type"]>;
  readonly drops: object;
  readonly traffic: readonly object[];
  readonly views: readonly object[];
  readonly settled: boolean;
}

/** Some twenty seconds of everything at once, then peace. */
function roughHistory(fidelity: FidelityName, seed: number, size: number): History {
  const pool = new SwimPool({
    seed,
    size,
    fidelity,
    digest: true,
    metaBytes: 40,
    inboxBytes: 30_000,
    config: { pushPullIntervalMs: 5000, gossipToTheDeadMs: 10_000, reconnectIntervalMs: 5000 },
    network: {
      latency: { kind: "lognormal", medianMs: 4, sigma: 0.8 },
      loss: 0.05,
      duplicates: 0.05,
      reorder: { share: 0.1, ms: 150 },
      bursts: { everyMs: 8000, lengthMs: 400, loss: 0.7 },
      bandwidth: { bytesPerSecond: 30_000, queueBytes: 3000 },
    },
  });
  const { world } = pool;
  let events = 0;
  const seen = new Set<SwimEvent["type"]>();
  world.onEvent = (node, event, now) => {
    events++;
    seen.add(event.type);
    world.digest!.number(now);
    world.digest!.text(`${node.index} ${told(event)}`);
  };
  const rng = new Rng(seed).fork("history");
  const living = () => pool.living();
  const any = (): SwimNode => living()[rng.below(living().length)]!;

  for (let i = 0; i < size; i++) {
    const node = pool.add();
    if (i > 0) world.at(rng.below(2000), () => pool.join(node, pool.nodes[rng.below(Math.min(i, 3))]!));
  }
  world.run(6000);
  for (let round = 0; round < 16; round++) {
    const node = any();
    switch (round % 8) {
      case 0:
        world.crash(node, { host: rng.below(2) === 0 });
        world.at(world.now + 3000 + rng.below(6000), () => pool.restart(node, any()));
        break;
      case 1:
        for (let i = 0; i < 5; i++) {
          const payload = new Uint8Array(rng.below(600)).fill(i);
          world.act(any(), (machine, now) => machine.broadcastUser(payload, (i % 3) as 0 | 1 | 2, now));
        }
        break;
      case 2:
        world.stall(node, 500 + rng.below(6000));
        break;
      case 3:
        world.block(node, 500 + rng.below(6000));
        break;
      case 4:
        world.act(node, (machine, now) => machine.updateMeta(new Uint8Array(rng.below(512)).fill(round), now));
        world.act(node, (machine, now) => machine.sendUserStream(any().endpoint, new Uint8Array(70_000), now));
        break;
      case 5:
        world.partition(pool.nodes.filter(({ index }) => index % 3 === 0));
        world.at(world.now + 2500, () => world.heal());
        break;
      case 6:
        if (node.index < 3) break;
        world.act(node, (machine, now) => machine.leave(now));
        world.at(world.now + 4000, () => world.crash(node));
        break;
      case 7:
        world.shiftClock(node, rng.below(2000) - 1000);
        world.network.cut(any(), any());
        node.ingressLoss = 0.5;
        world.network.uneven();
        break;
    }
    world.run(500 + rng.below(1500));
  }
  world.heal();
  world.network.set({ loss: 0, bursts: undefined, duplicates: 0, reorder: undefined });
  const settled = world.runUntil(() => pool.agreed(), 120_000, 1000) !== undefined;
  return {
    digest: String(world.digest),
    events,
    seen,
    drops: { ...world.network.drops },
    traffic: pool.nodes.map(({ traffic }) => ({ ...traffic })),
    views: living().map(({ machine }) => machine.inspect().members),
    settled,
  };
}

/** An event's content. */
function told(event: SwimEvent): string {
  if (event.type === "evidence") return `${event.name} ${event.evidence.type} ${event.evidence.incarnation}`;
  return JSON.stringify(event, (_key, value) => (value instanceof Uint8Array ? Array.from(value) : value));
}

it.each([
  [20, 1],
  [20, 2],
  [20, 3],
  [60, 4],
  [60, 5],
])("%d nodes live through the same in bytes and in objects (seed %d)", (size, seed) => {
  const bytes = roughHistory("bytes", seed, size);
  const objects = roughHistory("objects", seed, size);
  expect(objects.traffic).toEqual(bytes.traffic);
  expect(objects.drops).toEqual(bytes.drops);
  expect(objects.events).toBe(bytes.events);
  expect(objects.views).toEqual(bytes.views);
  expect(objects.digest).toBe(bytes.digest);
  // It was rough, and it ended well.
  for (const reason of ["lost", "cut", "queue"] as const) {
    expect((bytes.drops as Record<string, number>)[reason], reason).toBeGreaterThan(0);
  }
  const wanted = ["member-join", "member-leave", "member-suspect", "member-refuted", "member-update", "user-message"];
  expect([...bytes.seen]).toEqual(expect.arrayContaining([...wanted, "left-pool"]));
  expect(bytes.settled).toBe(true);
});

it("another seed is another history", () => {
  expect(roughHistory("objects", 1, 20).digest).not.toBe(roughHistory("objects", 2, 20).digest);
});
