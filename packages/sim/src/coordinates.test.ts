/** Places found in a simulated network: do distances between them tell what the packets take? */
import { Rng } from "@hearsay/core";
import { distanceMs } from "@hearsay/serf";
import { expect, test } from "vitest";
import { SerfPool } from "./serf-pool.ts";

const count = 60;

interface World {
  /** Round trip between two nodes: ms, the median. */
  readonly rttMs: (a: number, b: number) => number;
  readonly pool: SerfPool;
}

/** Nodes at random places of a plane 120 ms wide, each with a link of its own of up to 5 ms; every packet a little off. */
function scattered(seed: number, sigma: number): World {
  const rng = new Rng(seed).fork("places");
  const places = Array.from({ length: count }, () => ({
    x: rng.float() * 120,
    y: rng.float() * 120,
    link: 0.2 + rng.float() * 5,
  }));
  const rttMs = (i: number, j: number) => {
    const [a, b] = [places[i]!, places[j]!];
    return Math.hypot(a.x - b.x, a.y - b.y) + a.link + b.link;
  };
  const medianMs = places.map((_, i) => places.map((_, j) => rttMs(i, j) / 2));
  const pool = new SerfPool({
    seed,
    size: count,
    fidelity: "objects",
    zoneOf: (index) => index,
    network: { latency: { kind: "zones", medianMs, sigma } },
  });
  for (let i = 0; i < count; i++) pool.add();
  for (let i = 1; i < count; i++) pool.join(pool.nodes[i]!, pool.nodes[0]!);
  return { rttMs, pool };
}

/** How far off the estimates are, each a share of the true time; in order. */
function errorsOf({ pool, rttMs }: World): number[] {
  const errors: number[] = [];
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [pool.nodes[i]!.machine.coordinate(), pool.nodes[j]!.machine.coordinate()];
      errors.push(Math.abs(distanceMs(a, b) / rttMs(i, j) - 1));
    }
  }
  return errors.sort((a, b) => a - b);
}

function share(errors: readonly number[], part: number): number {
  return errors[Math.floor(part * errors.length)]!;
}

test.each([1, 2])("after some minutes, distances are told to within a few hundredths (seed %d)", (seed) => {
  const world = scattered(seed, 0.1);
  const { pool } = world;
  pool.world.run(60_000);
  const early = share(errorsOf(world), 0.5);
  pool.world.run(240_000);
  const errors = errorsOf(world);
  // 2 % and 7 % here; the packets themselves are 7 % off.
  expect(share(errors, 0.5)).toBeLessThan(0.05);
  expect(share(errors, 0.9)).toBeLessThan(0.15);
  expect(share(errors, 0.5)).toBeLessThan(early);
});
