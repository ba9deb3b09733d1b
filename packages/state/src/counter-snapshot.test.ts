import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CounterTable } from "./counter-table.ts";

const names = ["x", "y", "zähler"];
const adds = fc.array(
  fc.record({ at: fc.nat(3), counter: fc.constantFrom(...names), amount: fc.maxSafeInteger().map((n) => n % 2 ** 45) }),
  { maxLength: 60 },
);

describe("what was saved", () => {
  it("comes back exactly, folded lives too, and once more without effect", () => {
    fc.assert(
      fc.property(adds, fc.option(fc.nat(3)), (list, folded) => {
        const tables = Array.from({ length: 4 }, (_, i) => new CounterTable({ writer: `w${i}`, life: 1 }));
        for (const { at, counter, amount } of list) tables[at]!.add(counter, amount);
        for (const table of tables.slice(1)) for (const delta of table.deltas()) tables[0]!.merge(delta);
        if (folded !== null) tables[0]!.fold(`w${folded}`);
        const bytes = tables[0]!.save();
        const back = new CounterTable({ writer: "w0", life: 2 });
        for (let i = 0; i < 2; i++) expect(back.restore(bytes)).toEqual({ refused: 0 });
        expect(back.imprints()).toEqual(tables[0]!.imprints());
        for (const name of names) expect(back.value(name)).toBe(tables[0]!.value(name));
        expect(back.foldedLives).toBe([...tables[0]!.deltas()].filter(({ writer }) => writer === "").length);
        // Saved anew, by the new process, it says the same.
        expect(back.save()).toEqual(bytes);
      }),
    );
  });

  it("before it was acknowledged survives the writer's end, though it was told to nobody", () => {
    const other = new CounterTable({ writer: "b", life: 1 });
    other.add("x", 1_000);
    let writer = new CounterTable({ writer: "a", life: 1 });
    let acknowledged = 1_000n;
    for (let life = 2; life < 12; life++) {
      for (const delta of other.deltas()) writer.merge(delta);
      writer.add("x", life);
      const stored = writer.save("own");
      acknowledged += BigInt(life);
      writer.add("x", 1_000_000);
      // Its end. What came after was not stored, and told to nobody.
      writer = new CounterTable({ writer: "a", life });
      writer.restore(stored);
    }
    for (const delta of writer.deltas()) other.merge(delta);
    expect(other.value("x")).toBe(acknowledged);
    // Own lives only: those of others they have themselves.
    expect(writer.value("x")).toBe(acknowledged - 1_000n);
  });

  it("of more tallies than a piece holds comes back whole", () => {
    const table = new CounterTable({ writer: "a", life: 1, maxCounters: 20_000 });
    for (let i = 0; i < 20_000; i++) table.add(`counter ${i}`, i + 1);
    const back = new CounterTable({ writer: "a", life: 2, maxCounters: 20_000 });
    expect(back.restore(table.save())).toEqual({ refused: 0 });
    expect(back.imprints()).toEqual(table.imprints());
    const small = new CounterTable({ writer: "a", life: 2, maxCounters: 10 });
    expect(small.restore(table.save()).refused).toBeGreaterThan(0);
    expect(small.names()).toEqual([]);
  });

  it("and is cut, lengthened, changed in any byte or something else is refused as a whole", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    table.add("x", 5);
    const bytes = table.save();
    const back = new CounterTable({ writer: "a", life: 2 });
    const refused = expect.objectContaining({ code: "counter-snapshot" });
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(() => back.restore(changed)).toThrow(refused);
      expect(() => back.restore(bytes.slice(0, i))).toThrow(refused);
    }
    expect(() => back.restore(Uint8Array.of(...bytes, 0))).toThrow(refused);
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        expect(() => back.restore(noise)).toThrow(refused);
      }),
    );
    expect(back.names()).toEqual([]);
  });

  it("as the life that we write under is taken in, and we go on under another", () => {
    const table = new CounterTable({ writer: "a", life: 1 });
    table.add("x", 5);
    const again = new CounterTable({ writer: "a", life: 1 });
    again.restore(table.save());
    again.add("x", 2);
    for (const delta of again.deltas()) table.merge(delta);
    expect([again.value("x"), table.value("x")]).toEqual([7n, 7n]);
  });
});
