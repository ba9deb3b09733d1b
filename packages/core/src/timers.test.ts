import fc from "fast-check";
import { expect, it } from "vitest";
import { Rng } from "./rng.ts";
import { TimerKind, TimerTable } from "./timers.ts";

it("fires by deadline, then kind, then number, and holds one deadline for a key", () => {
  const timers = new TimerTable();
  timers.set(TimerKind.gossip, 0, 5);
  timers.set(TimerKind.suspicion, 7, 5);
  timers.set(TimerKind.suspicion, 3, 5);
  timers.set(TimerKind.probe, 0, 1);
  timers.set(TimerKind.probe, 0, 9);
  const fired: string[] = [];
  while (timers.fireDue(8, (kind, number) => fired.push(`${kind}:${number}`))) {}
  expect(fired).toEqual([`${TimerKind.suspicion}:3`, `${TimerKind.suspicion}:7`, `${TimerKind.gossip}:0`]);
  expect(timers.next).toBe(9);
});

it("agrees with a sorted list, whatever is set, cleared and postponed", () => {
  const operation = fc.record({
    op: fc.constantFrom("set", "clear", "fire", "postpone"),
    kind: fc.constantFrom(TimerKind.relay, TimerKind.suspicion, TimerKind.probe),
    number: fc.integer({ min: 0, max: 12 }),
    time: fc.integer({ min: 0, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const timers = new TimerTable();
      const naive = new Map<string, { kind: number; number: number; deadline: number }>();
      const order = () =>
        [...naive.values()].sort((a, b) => a.deadline - b.deadline || a.kind - b.kind || a.number - b.number);
      for (const { op, kind, number, time } of operations) {
        if (op === "set") {
          timers.set(kind, number, time);
          naive.set(`${kind}:${number}`, { kind, number, deadline: time });
        } else if (op === "clear") {
          timers.clear(kind, number);
          naive.delete(`${kind}:${number}`);
        } else if (op === "postpone") {
          timers.postpone(kind, 10);
          for (const timer of naive.values()) if (timer.kind === kind) timer.deadline += 10;
        } else {
          const due = order()[0];
          const fired = timers.fireDue(time, (firedKind, firedNumber) => {
            expect({ kind: firedKind, number: firedNumber }).toEqual({ kind: due?.kind, number: due?.number });
            naive.delete(`${firedKind}:${firedNumber}`);
          });
          expect(fired).toBe(due !== undefined && due.deadline <= time);
        }
        const slack = (of: number) => (of === TimerKind.probe ? 20 : of);
        const latest = order().map((timer) => timer.deadline + slack(timer.kind));
        expect(timers.latestWake(slack)).toBe(Math.min(Number.POSITIVE_INFINITY, ...latest));
        expect(timers.next).toBe(order()[0]?.deadline ?? Number.POSITIVE_INFINITY);
        expect(timers.length).toBe(naive.size);
      }
    }),
  );
});

it("fires thousands of one kind in order, set, moved and cleared at random", () => {
  const rng = new Rng(1);
  const timers = new TimerTable();
  const naive = new Map<number, number>();
  for (let i = 0; i < 8000; i++) {
    const number = rng.below(2000);
    if (rng.below(4) === 0) {
      timers.clear(TimerKind.suspicion, number);
      naive.delete(number);
    } else {
      const deadline = rng.below(1000);
      timers.set(TimerKind.suspicion, number, deadline);
      naive.set(number, deadline);
    }
  }
  expect(timers.get(TimerKind.suspicion, 5)).toBe(naive.get(5));
  const wanted = [...naive].sort(([a, at], [b, bt]) => at - bt || a - b).map(([number]) => number);
  const fired: number[] = [];
  while (timers.fireDue(1000, (_kind, number) => fired.push(number)));
  expect(fired).toEqual(wanted);
});
