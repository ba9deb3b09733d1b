import fc from "fast-check";
import { expect, it } from "vitest";
import { gistOfDead, gistOfSuspect, incarnationEdge, noGist } from "./hearing.ts";
import { KnownPool } from "./known-pool.ts";
import { MemberTable } from "./member-table.ts";
import { type Dead, MemberState, type Suspect } from "./messages.ts";
import { NameTable } from "./names.ts";
import { Rng } from "./rng.ts";

const size = 40;

function known(): KnownPool {
  const vsn = Uint8Array.of(1, 5, 2, 0, 0, 0);
  return new KnownPool(
    new NameTable(),
    Array.from({ length: size }, (_, i) => {
      return { name: `n${i}`, addr: Uint8Array.of(10, 0, 0, i), port: 1, vsn, incarnation: 1 };
    }),
  );
}

it("finds old in a gist what the table is deaf to, of whichever machine and state", () => {
  const operation = fc.record({
    table: fc.integer({ min: 0, max: 2 }),
    id: fc.integer({ min: 0, max: size - 1 }),
    accuser: fc.integer({ min: 0, max: 29 }),
    op: fc.constantFrom("suspect", "hear", "settle", "dead", "left", "alive"),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const pool = known();
      const { names } = pool;
      const tables = [1, 2, 3].map((seed) => {
        const table = new MemberTable(names);
        table.load(pool, new Rng(seed), 0);
        return table;
      });
      for (const { table: at, id, accuser, op } of operations) {
        const table = tables[at]!;
        const subject = names.subject(id);
        const bit = names.accuserBit(subject, `a${accuser}`);
        if (op === "hear" && bit !== 0) table.hear(id, bit);
        else if (op === "settle") table.settle(id);
        else if (op !== "hear") table.setState(id, MemberState[op], 1);
        for (const other of tables) {
          const row = names.needRow(id);
          const suspect: Suspect = { type: 3, incarnation: 1, node: `n${id}`, from: "", subject, accuserBit: bit };
          const dead: Dead = { type: 5, incarnation: 1, node: `n${id}`, from: "", subject };
          const ask = (gist: number) => names.hearing.isOldNews(other.listener, [gist]);
          expect(ask(gistOfSuspect(row, 1, bit))).toBe(other.isDeafTo(suspect));
          expect(ask(gistOfDead(row, 1))).toBe(other.isDeafTo(dead));
          expect(names.hearing.isOld(other.listener, gistOfDead(row, 1))).toBe(other.isDeafTo(dead));
        }
      }
    }),
  );
});

it("counts what it has taken in, all or nothing", () => {
  const pool = known();
  const { names } = pool;
  const table = new MemberTable(names);
  table.load(pool, new Rng(1), 0);
  table.setState(3, MemberState.dead, 1);
  const [gone, here] = [gistOfDead(names.needRow(3), 1), gistOfDead(names.needRow(4), 1)];
  expect(names.hearing.isOldNews(table.listener, [gone, gone])).toBe(true);
  expect(names.hearing.isOldNews(table.listener, [gone, here])).toBe(false);
  expect(names.hearing.isOldNews(table.listener, [gone])).toBe(true);
  expect([names.hearing.takeCount(table.listener), names.hearing.takeCount(table.listener)]).toEqual([2, 0]);
});

it("gives no gist to what must be looked at: an incarnation near the end of its range", () => {
  expect([gistOfDead(1, incarnationEdge), gistOfDead(1, incarnationEdge + 1)]).toEqual([(1 << 6) | 1, noGist]);
  expect(gistOfSuspect(1, incarnationEdge + 1, 0)).toBe(noGist);
});

it("notices that a name went out of use", () => {
  const names = new NameTable();
  const id = names.acquire("a");
  names.acquire("a");
  names.release(id);
  expect(names.epoch).toBe(0);
  names.release(id);
  expect(names.epoch).toBe(1);
});
