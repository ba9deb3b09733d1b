import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Buckets, Sketch } from "./sketch.ts";

const values = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
const few = fc.integer({ min: 8, max: 255 });

describe("a sketch", () => {
  it("has every quantile to the error that it states, and no more buckets than it may", () => {
    fc.assert(
      fc.property(values, few, fc.double({ min: 0, max: 1, noNaN: true }), (list, maxBuckets, q) => {
        const sketch = sketchOf(list, maxBuckets);
        expect(sketch.keys.length).toBeLessThanOrEqual(maxBuckets);
        const sorted = [...list].sort((a, b) => a - b);
        // The rank is met somewhere within a rounding of it.
        const ranks = [q * list.length - 1e-6, q * list.length + 1e-6];
        const near = ranks.map((rank) => sorted[Math.min(list.length - 1, Math.max(0, Math.ceil(rank) - 1))]!);
        const found = sketch.quantile(q)!;
        const off = Math.min(...near.map((x) => Math.abs(found - x) - sketch.relativeError * Math.abs(x) * (1 + 1e-9)));
        expect(off).toBeLessThanOrEqual(1e-290);
      }),
    );
  });

  it("is 1 % off at most while its buckets do", () => {
    const sketch = sketchOf(Array.from({ length: 1_000 }, (_, i) => 100 + i / 2));
    expect(sketch.relativeError).toBeCloseTo(0.01, 12);
    expect(Math.abs(sketch.quantile(0.99)! - 595) / 595).toBeLessThan(0.01);
    expect(new Sketch().quantile(0.5)).toBeUndefined();
    expect(() => sketch.add(Number.NaN)).toThrow("NaN is no value");
  });

  it("merges in any order and grouping to the same", () => {
    fc.assert(
      fc.property(values, values, values, few, (x, y, z, max) => {
        const [a, b, c] = [x, y, z].map((list) => sketchOf(list, max)) as [Sketch, Sketch, Sketch];
        const left = merged(merged(a, b), c);
        const right = merged(a, merged(c, b));
        expect(plain(left)).toEqual(plain(right));
        expect(plain(left)).toEqual(plain(sketchOf([...z, ...x, ...y], max)));
      }),
    );
  });

  it("loses no weight when two meet, whatever their levels, and ends half way", () => {
    fc.assert(
      fc.property(values, values, fc.integer({ min: 8, max: 40 }), (x, y, max) => {
        const [a, b] = [sketchOf(x, max), sketchOf(y, max)];
        const lack = b.meet(a);
        expect(lack.keys.length).toBeLessThanOrEqual(max);
        a.merge(lack);
        expect(a.total + b.total).toBeCloseTo(x.length + y.length, 9);
        expect(a.keys).toEqual(b.keys);
        a.weights.forEach((weight, i) => {
          expect(weight).toBeCloseTo(b.weights[i]!, 4);
        });
      }),
    );
  });
});

function sketchOf(list: readonly number[], maxBuckets?: number): Sketch {
  const sketch = new Sketch(maxBuckets);
  for (const value of list) sketch.add(value);
  return sketch;
}

function merged(a: Sketch, b: Sketch): Sketch {
  const sum = a.copy();
  sum.merge(b);
  return sum;
}

function plain({ level, keys, weights }: Buckets): Buckets {
  return { level, keys: [...keys], weights: [...weights] };
}
