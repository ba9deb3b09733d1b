import { expect, it } from "vitest";
import { MemberTable } from "./member-table.ts";
import { MemberState } from "./messages.ts";
import { NameTable } from "./names.ts";
import { Rng } from "./rng.ts";

function tableOf(names: readonly string[]): { table: MemberTable; rng: Rng } {
  const table = new MemberTable(new NameTable());
  const rng = new Rng(7);
  for (const name of names) {
    const id = table.add(name, rng, 0);
    table.setRecord(
      id,
      table.names.record(id, Uint8Array.of(127, 0, 0, 1), id + 1, new Uint8Array(0), new Uint8Array(6)),
    );
    table.setState(id, MemberState.alive, 0);
  }
  return { table, rng };
}

it("probes everyone once in each turn of the ring, and never itself", () => {
  const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
  const { table, rng } = tableOf(names);
  const self = table.find("n0");
  for (let turn = 0; turn < 5; turn++) {
    const seen = new Set<number>();
    for (let i = 0; i < 29; i++) seen.add(table.nextToProbe(self, rng, 0, 1000, () => {}));
    expect(seen.size).toBe(29);
    expect(seen.has(self)).toBe(false);
  }
});

it("forgets the long dead at the end of a turn, and reuses their number", () => {
  const { table, rng } = tableOf(["a", "b", "c"]);
  const b = table.find("b");
  table.setState(b, MemberState.dead, 100);
  expect(table.aliveCount).toBe(2);
  const forgotten: number[] = [];
  table.resetRing(rng, 150, 100, (id) => forgotten.push(id));
  expect(forgotten).toEqual([]);
  table.resetRing(rng, 201, 100, (id) => forgotten.push(id));
  expect(forgotten).toEqual([b]);
  expect(table.find("b")).toBe(-1);
  expect(table.length).toBe(2);
  expect(table.add("d", rng, 300)).toBe(b);
});

it("chooses distinct members at random, all of them where the list is short", () => {
  const { table, rng } = tableOf(Array.from({ length: 100 }, (_, i) => `n${i}`));
  const counts = new Map<number, number>();
  for (let i = 0; i < 3000; i++) {
    const chosen = table.random(3, rng, (id) => id !== 5);
    expect(new Set(chosen).size).toBe(3);
    for (const id of chosen) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  expect(counts.has(5)).toBe(false);
  for (const count of counts.values()) expect(Math.abs(count - 91)).toBeLessThan(50);
  const small = tableOf(["a", "b", "c"]);
  for (let i = 0; i < 50; i++) expect(small.table.random(3, small.rng, () => true)).toHaveLength(3);
});

it("shares equal records between tables with one name table", () => {
  const names = new NameTable();
  const rng = new Rng(1);
  const a = new MemberTable(names);
  const b = new MemberTable(names);
  const id = a.add("x", rng, 0);
  expect(b.add("x", rng, 0)).toBe(id);
  const addr = Uint8Array.of(1, 2, 3, 4);
  const record = names.record(id, addr, 1, new Uint8Array(3), new Uint8Array(6));
  expect(names.record(id, addr.slice(), 1, new Uint8Array(3), new Uint8Array(6))).toBe(record);
  addr[0] = 9;
  expect(record.endpoint.address).toBe("1.2.3.4");
  expect(names.record(id, addr, 1, new Uint8Array(3), new Uint8Array(6))).not.toBe(record);
});
