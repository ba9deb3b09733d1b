import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CounterTable, type LifeDelta } from "./counter-table.ts";

describe("a counter", () => {
  it("is what was added less what was taken", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    table.add("requests", 5);
    table.add("requests", -7);
    table.add("errors", 1);
    expect(table.value("requests")).toBe(-2n);
    expect(table.value("nobody")).toBe(0n);
    expect(table.names()).toEqual(["requests", "errors"]);
    expect(table.contribution("a", "requests")).toBe(-2n);
  });

  it("is exact beyond 2^53, and refuses where one process's share would pass it", () => {
    const all = new CounterTable({ writer: "z", life: 1 });
    for (let i = 0; i < 5; i++) {
      const table = new CounterTable({ writer: `n${i}`, life: 1 });
      table.add("bytes", Number.MAX_SAFE_INTEGER);
      expect(() => table.add("bytes", 1)).toThrow(expect.objectContaining({ code: "counter-overflow" }));
      for (const delta of table.deltas()) all.merge(delta);
    }
    all.add("bytes", 1);
    expect(all.value("bytes")).toBe(5n * BigInt(Number.MAX_SAFE_INTEGER) + 1n);
  });

  it.each([
    ["", 1, "counter-name"],
    ["x".repeat(129), 1, "counter-name"],
    ["x", 0.5, "counter-amount"],
    ["x", Number.POSITIVE_INFINITY, "counter-amount"],
    ["x", 2 ** 53, "counter-amount"],
  ])("refuses %o plus %d", (name, amount, code) => {
    const table = new CounterTable({ writer: "a", life: 1 });
    expect(() => table.add(name, amount)).toThrow(expect.objectContaining({ code }));
    expect(table.names()).toEqual([]);
  });

  it("refuses one counter more than there may be, from the caller and from others", () => {
    const table = new CounterTable({ writer: "a", life: 1, maxCounters: 1, maxLives: 3 });
    table.add("x", 1);
    expect(() => table.add("y", 1)).toThrow(expect.objectContaining({ code: "counters-full" }));
    expect(table.merge(deltaBy("b", [["y", 1]]))).toBe("full");
    expect(table.merge(deltaBy("b", [["x", 1]]))).toBe("news");
    expect(table.merge(deltaBy("c", [["x", 1]]))).toBe("news");
    expect(table.merge(deltaBy("d", [["x", 1]]))).toBe("full");
    expect(table.value("x")).toBe(3n);
  });
});

describe("merging", () => {
  it("refuses news that starts above what is known", () => {
    const source = new CounterTable({ writer: "b", life: 1 });
    source.add("x", 1);
    source.add("y", 1);
    const id = [...source.deltas()][0]!.id;
    const table = new CounterTable({ writer: "a", life: 1 });
    expect(table.merge(source.deltaOf(id, 1)!)).toBe("gap");
    expect(table.versionOf(id)).toBe(0);
  });

  it("lets no total fall, whatever a later version says", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    const delta = deltaBy("b", [["x", 9]]);
    table.merge(delta);
    const lower = { counter: "x", plus: 2, minus: 0, version: 2 };
    expect(table.merge({ ...delta, from: 1, to: 2, tallies: [lower] })).toBe("news");
    expect(table.value("x")).toBe(9n);
  });

  it("is commutative, associative and idempotent, folded or not", () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(), { maxLength: 60 }), fc.array(fc.nat(7)), (adds, order, folds) => {
        const deltas = deltasOf(adds);
        const straight = new CounterTable({ writer: "me", life: 0 });
        for (const delta of deltas) straight.merge(delta);
        // Shuffled, with repetitions, folding in between; then once in order, so that nothing is left out.
        const other = new CounterTable({ writer: "other", life: 0 });
        order.forEach((at, i) => {
          if (deltas.length > 0) other.merge(deltas[at % deltas.length]!);
          if (folds[i] !== undefined) other.fold(`w${folds[i]}`);
        });
        for (const delta of deltas) other.merge(delta);
        for (const name of counters) expect(other.value(name)).toBe(straight.value(name));
        expect(other.imprints()).toEqual(straight.imprints());
      }),
    );
  });

  it("ends exactly, after crashes, restarts, folds by several at once, and returns of those given up", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const pool = new Pool(4);
        for (const one of commands) pool.run(one);
        pool.meet();
        const expected = pool.expected();
        for (const table of pool.tables)
          for (const name of counters) expect(table.value(name)).toBe(expected.get(name) ?? 0n);
      }),
      { numRuns: 300 },
    );
  });
});

describe("folding", () => {
  it("keeps the contribution and takes later news of a life that was not over", () => {
    const writer = new CounterTable({ writer: "w", life: 1 });
    const [a, b] = ["a", "b"].map((name) => new CounterTable({ writer: name, life: 1 })) as [
      CounterTable,
      CounterTable,
    ];
    writer.add("x", 5);
    send(writer, a);
    writer.add("x", 2);
    send(writer, b);
    // Both give it up, with different news of it, neither knowing of the other.
    expect([a.fold("w"), b.fold("w")]).toEqual([1, 1]);
    expect(a.contribution("w", "x")).toBe(0n);
    writer.add("x", 100);
    send(a, b);
    send(b, a);
    expect([a.value("x"), b.value("x")]).toEqual([7n, 7n]);
    send(writer, a);
    send(a, b);
    expect([a.value("x"), b.value("x")]).toEqual([107n, 107n]);
    expect(b.foldedLives).toBe(1);
  });

  it("never folds our own life", () => {
    const table = new CounterTable({ writer: "a", life: 2 });
    table.merge(deltaBy("a", [["x", 3]]));
    table.add("x", 1);
    expect(table.fold("a")).toBe(1);
    table.add("x", 1);
    expect(table.value("x")).toBe(5n);
  });

  it("comes to a newcomer as it is", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    table.merge(deltaBy("w", [["x", 3]]));
    table.fold("w");
    const newcomer = new CounterTable({ writer: "n", life: 1 });
    send(table, newcomer);
    expect(newcomer.value("x")).toBe(3n);
    expect(newcomer.foldedLives).toBe(1);
  });
});

const counters = ["x", "y", "z"];
const histories = fc.array(
  fc.record({ writer: fc.nat(7), counter: fc.constantFrom(...counters), amount: fc.integer({ min: -50, max: 50 }) }),
  { maxLength: 40 },
);

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("add" as const),
      at: fc.nat(3),
      counter: fc.constantFrom(...counters),
      amount: fc.integer(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("tell" as const), at: fc.nat(3), to: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("late" as const), to: fc.nat(3), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart" as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("fold" as const), at: fc.nat(3), whom: fc.nat(3) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Members that tell each other things, and a naive record of all that was ever added. */
class Pool {
  readonly tables: CounterTable[];
  readonly #adds: { life: string; version: number; counter: string; amount: number }[] = [];
  readonly #sent: LifeDelta[] = [];
  readonly #lifeIds: string[] = [];
  #lives = 0;

  constructor(size: number) {
    this.tables = Array.from({ length: size }, (_, i) => this.#start(i));
  }

  run(one: Command): void {
    switch (one.type) {
      case "add": {
        const table = this.tables[one.at]!;
        table.add(one.counter, one.amount);
        const life = this.#lifeIds[one.at]!;
        if (one.amount !== 0)
          this.#adds.push({ life, version: table.versionOf(life), counter: one.counter, amount: one.amount });
        return;
      }
      case "tell":
        for (const delta of this.tables[one.at]!.deltas()) {
          this.#sent.push(delta);
          this.tables[one.to]!.merge(delta);
        }
        return;
      case "late":
        if (this.#sent.length > 0) this.tables[one.to]!.merge(this.#sent[one.which % this.#sent.length]!);
        return;
      case "restart":
        this.tables[one.at] = this.#start(one.at);
        return;
      case "fold":
        this.tables[one.at]!.fold(`w${one.whom}`);
    }
  }

  meet(): void {
    for (let round = 0; round < 2; round++)
      for (const a of this.tables) for (const b of this.tables) if (a !== b) send(a, b);
  }

  /** What at least one that still runs had heard of. */
  expected(): Map<string, bigint> {
    const totals = new Map<string, bigint>();
    for (const { life, version, counter, amount } of this.#adds) {
      if (!this.tables.some((table) => table.versionOf(life) >= version)) continue;
      totals.set(counter, (totals.get(counter) ?? 0n) + BigInt(amount));
    }
    return totals;
  }

  #start(at: number): CounterTable {
    const table = new CounterTable({ writer: `w${at}`, life: this.#lives++ });
    // Its own is the one life that it knows of.
    for (let bucket = 0; bucket < 64; bucket++) for (const id of table.idsOf(bucket)) this.#lifeIds[at] = id;
    return table;
  }
}

/** The news of each add, one by one, as its writer would tell it. */
function deltasOf(adds: readonly { writer: number; counter: string; amount: number }[]): LifeDelta[] {
  const tables = new Map<number, CounterTable>();
  return adds.flatMap(({ writer, counter, amount }) => {
    const table = tables.get(writer) ?? new CounterTable({ writer: `w${writer}`, life: 1 });
    tables.set(writer, table);
    table.add(counter, amount);
    return [...table.deltas()];
  });
}

function deltaBy(writer: string, adds: readonly [string, number][]): LifeDelta {
  const table = new CounterTable({ writer, life: 1 });
  for (const [name, amount] of adds) table.add(name, amount);
  return [...table.deltas()][0]!;
}

function send(from: CounterTable, to: CounterTable): void {
  for (const delta of from.deltas()) to.merge(delta);
}
