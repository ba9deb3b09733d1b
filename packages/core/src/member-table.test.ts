import { expect, it } from "vitest";
import { KnownPool } from "./known-pool.ts";
import { MemberTable } from "./member-table.ts";
import { type Dead, MemberState, type Suspect } from "./messages.ts";
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

function knownPool(count: number): KnownPool {
  const vsn = Uint8Array.of(1, 5, 2, 0, 0, 0);
  return new KnownPool(
    new NameTable(),
    Array.from({ length: count }, (_, i) => {
      return { name: `n${i}`, addr: Uint8Array.of(10, 0, 0, i), port: 1, vsn, incarnation: i + 1 };
    }),
  );
}

it("reads from the known pool what it has not learned otherwise, and what it learns stays its own", () => {
  const known = knownPool(50);
  const a = new MemberTable(known.names);
  const b = new MemberTable(known.names);
  a.load(known, new Rng(1), 5);
  b.load(known, new Rng(2), 6);
  a.setState(7, MemberState.suspect, 100);
  b.setIncarnation(9, 77);
  expect([a.state(7), b.state(7)]).toEqual([MemberState.suspect, MemberState.alive]);
  expect([a.changedAt(7), a.changedAt(9), b.changedAt(7), b.changedAt(9)]).toEqual([100, 5, 6, 6]);
  expect([a.incarnation(7), a.incarnation(9), b.incarnation(9)]).toEqual([8, 10, 77]);
  expect(a.record(7)).toBe(b.record(7));
  a.setState(7, MemberState.dead, 200);
  expect([a.aliveCount, b.aliveCount]).toEqual([49, 50]);
});

it("forgets a known member for good, and gives a stranger's row to the next without a trace", () => {
  const known = knownPool(20);
  const table = new MemberTable(known.names);
  const rng = new Rng(3);
  table.load(known, rng, 0);
  const stranger = table.add("stranger", rng, 10);
  table.setState(3, MemberState.dead, 10);
  table.setState(stranger, MemberState.left, 10);
  table.resetRing(rng, 100, 50, () => {});
  expect([table.find("n3"), table.find("stranger"), table.length]).toEqual([-1, -1, 19]);
  expect(known.names.find("stranger")).toBe(-1);
  const other = new MemberTable(known.names);
  other.load(known, rng, 0);
  // The row that the stranger had goes to a member that this table knows from the pool only.
  other.setState(12, MemberState.suspect, 20);
  expect([table.state(12), table.incarnation(12), table.changedAt(12)]).toEqual([MemberState.alive, 13, 0]);
  expect(other.find("n3")).toBe(3);
  expect(table.add("n3", rng, 200)).toBe(3);
  expect([table.state(3), table.incarnation(3)]).toEqual([MemberState.dead, 0]);
});

it("is deaf to noted accusations only as long as they can do nothing", () => {
  const known = knownPool(5);
  const { names } = known;
  const table = new MemberTable(names);
  table.load(known, new Rng(1), 0);
  const subject = names.subject(2);
  const suspect = (from: string): Suspect => {
    return { type: 3, incarnation: 3, node: "n2", from, subject, accuserBit: names.accuserBit(subject, from) };
  };
  const dead: Dead = { type: 5, incarnation: 3, node: "n2", from: "n0", subject };
  const deaf = () => [table.isDeafTo(suspect("n0")), table.isDeafTo(suspect("n1")), table.isDeafTo(dead)];
  expect(deaf()).toEqual([false, false, false]);
  table.setState(2, MemberState.suspect, 1);
  table.hear(2, suspect("n0").accuserBit!);
  expect(deaf()).toEqual([true, false, false]);
  table.settle(2);
  expect(deaf()).toEqual([true, true, false]);
  table.setState(2, MemberState.alive, 2);
  expect(deaf()).toEqual([false, false, false]);
  table.setState(2, MemberState.dead, 3);
  expect(deaf()).toEqual([true, true, true]);
  expect(new MemberTable(new NameTable()).isDeafTo(dead)).toBe(false);
  expect(table.isDeafTo({ type: 5, incarnation: 3, node: "n2", from: "n0" })).toBe(false);
});
