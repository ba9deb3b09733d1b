import type { IncomingQuery } from "@hearsay/node";
import { expect, test } from "vitest";
import { MAX_PENDING_QUERIES, PendingQueries } from "./pending-queries.ts";

const query = (deadline: number): IncomingQuery => ({
  ...{ name: "q", payload: new Uint8Array(0), lTime: 1, id: 1, from: "a" },
  deadline: new Date(deadline),
  respond: async () => {},
});

test("numbers from 1; found until the deadline, not a moment longer", () => {
  const pending = new PendingQueries();
  const [first, second] = [query(100), query(200)];
  pending.add(first, 0);
  pending.add(second, 0);
  expect([pending.find(1n, 100), pending.find(2n, 100), pending.find(3n, 100), pending.find(0n, 100)]).toEqual([
    first,
    second,
    undefined,
    undefined,
  ]);
  expect([pending.find(1n, 101), pending.find(2n, 101)]).toEqual([undefined, second]);
  expect(pending.nextId).toBe(3n);
});

test("bounded: those past their deadline make room first, then the oldest", () => {
  const pending = new PendingQueries();
  for (let i = 0; i < MAX_PENDING_QUERIES; i++) pending.add(query(i === 5 ? 50 : 1000), 0);
  pending.add(query(1000), 100);
  expect(pending.find(1n, 100)).toBeDefined();
  expect(pending.find(6n, 100)).toBeUndefined();
  pending.add(query(1000), 100);
  expect(pending.find(1n, 100)).toBeUndefined();
  expect(pending.size).toBe(MAX_PENDING_QUERIES);
});
