/** A node that starts again and again with what it remembers, while everybody sends user events. */
import { Rng } from "@hearsay/core";
import { eventHash, type RestoredPast } from "@hearsay/serf";
import { expect, it } from "vitest";
import { SerfPool } from "./serf-pool.ts";

/** Far fewer than the buffer's window has times: nothing is too old at the end. */
const eventCount = 240;

/** Returns what the restless node was told in all its lives, and all that was sent. */
function history(seed: number, remembers: "events" | "times") {
  let past: RestoredPast | undefined;
  const pool = new SerfPool({
    seed,
    size: 5,
    machine: (options, index) => (index === 2 && past ? { ...options, restored: past } : options),
  });
  const told: string[] = [];
  const hashes = new Map<number, Set<string>>();
  pool.world.onEvent = (node, event) => {
    if (node.index !== 2 || event.type !== "user-event") return;
    told.push(event.name);
    const seen = hashes.get(event.lTime) ?? new Set();
    hashes.set(event.lTime, seen.add(eventHash(event.name, event.payload)));
  };
  for (let i = 0; i < 5; i++) {
    const node = pool.add();
    if (i > 0) pool.join(node, pool.nodes[0]!);
  }
  expect(pool.world.runUntil(() => pool.agreed(), 10_000)).toBeDefined();

  const rng = new Rng(seed).fork("history");
  const restless = pool.nodes[2]!;
  const sent: string[] = [];
  let restarts = 0;
  for (let n = 0; n < eventCount; n++) {
    // Several at once have equal times.
    const sender = pool.living()[rng.below(pool.living().length)]!;
    pool.world.act(sender, (serf, now) => serf.userEvent(`event ${n}`, null, false, now));
    sent.push(`event ${n}`);
    pool.world.run(rng.below(3) * 40);
    if (restless.alive && rng.below(12) === 0) {
      const { memberTime, eventTime, queryTime } = restless.machine.stats();
      const seenEvents = { fromTime: restless.machine.eventsFrom, hashes: structuredClone(hashes) };
      past = {
        memberTime: memberTime - 1,
        eventTime: eventTime - 1,
        queryTime: queryTime - 1,
        ...(remembers === "events" ? { seenEvents } : {}),
      };
      pool.world.crash(restless);
      restarts++;
    } else if (!restless.alive && rng.below(8) === 0) pool.restart(restless, pool.nodes[0]!);
  }
  if (!restless.alive) pool.restart(restless, pool.nodes[0]!);
  // Long enough for exchanges with everybody.
  pool.world.run(300_000);
  expect(restarts).toBeGreaterThan(5);
  return { told, sent };
}

it.each([1, 2, 3])("is told every event once, seed %d", (seed) => {
  const { told, sent } = history(seed, "events");
  expect([...told].sort()).toEqual([...sent].sort());
});

it("which the times alone do not do: never twice, but not always", () => {
  const { told, sent } = history(1, "times");
  expect(new Set(told).size).toBe(told.length);
  expect(told.length).toBeLessThan(sent.length);
});
