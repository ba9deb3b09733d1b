import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Scheduler, type TimeSource } from "./scheduler.ts";

/** Time that moves when told to. `busy` keeps the loop from running its timers. */
class FakeTime implements TimeSource {
  time = 1000;
  timers: { at: number; wake: () => void }[] = [];
  turns: (() => void)[] = [];
  set = 0;

  now = () => this.time;
  setTimer = (wake: () => void, delayMs: number) => {
    this.set++;
    const timer = { at: this.time + delayMs, wake };
    this.timers.push(timer);
    return timer;
  };
  clearTimer = (timer: unknown) => {
    this.timers = this.timers.filter((other) => other !== timer);
  };
  afterInput = (turn: () => void) => {
    this.turns.push(turn);
  };

  /** Moves on by `ms`, firing timers at their time. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.time = Math.max(this.time, next.at);
      this.clearTimer(next);
      next.wake();
    }
    this.time = end;
  }

  /** The process stands still for `ms`; then what is due fires. */
  stall(ms: number): void {
    this.time += ms;
    this.advance(0);
  }
}

describe("one alarm", () => {
  test("wakes once, not before its deadline, within two milliseconds", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const woken: number[] = [];
    const alarm = scheduler.add((now) => woken.push(now));
    alarm.set(1100.5);
    time.advance(1000);
    expect(woken).toHaveLength(1);
    expect(woken[0]).toBeGreaterThanOrEqual(1100.5);
    expect(woken[0]).toBeLessThanOrEqual(1102.5);
    expect(time.timers).toHaveLength(0);
  });

  test("an unchanged deadline sets no timer; an earlier or later one moves it", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const woken: number[] = [];
    const alarm = scheduler.add((now) => woken.push(now));
    alarm.set(1100);
    alarm.set(1100);
    expect(time.set).toBe(1);
    alarm.set(1050);
    alarm.set(1500);
    expect(time.timers).toHaveLength(1);
    time.advance(400);
    expect(woken).toHaveLength(0);
    expect(scheduler.wakeUps).toBe(0);
    time.advance(200);
    expect(woken).toHaveLength(1);
  });

  test("sleeps for ever at Infinity and after close", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const alarm = scheduler.add(() => expect.unreachable());
    alarm.set(1100);
    alarm.set(Infinity);
    expect(time.timers).toHaveLength(0);
    alarm.set(1100);
    alarm.close();
    alarm.set(1050);
    expect(time.timers).toHaveLength(0);
    expect(scheduler.size).toBe(0);
  });

  test("a deadline that stays in the past wakes again, never in a loop", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    let woken = 0;
    const alarm = scheduler.add(() => {
      woken++;
      alarm.set(0);
    });
    alarm.set(1001);
    time.advance(100);
    expect(woken).toBeGreaterThan(10);
    expect(woken).toBeLessThanOrEqual(100);
  });

  test("a deadline beyond setTimeout's reach", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    let woken = 0;
    const far = 1000 + 40 * 24 * 3600 * 1000;
    scheduler.add(() => woken++).set(far);
    time.advance(39 * 24 * 3600 * 1000);
    expect(woken).toBe(0);
    time.advance(24 * 3600 * 1000 + 10);
    expect(woken).toBe(1);
  });
});

describe("many alarms", () => {
  test("fire in order of their deadlines, whatever the order of setting", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const order: number[] = [];
    const alarms = Array.from({ length: 50 }, (_, i) => scheduler.add(() => order.push(i)));
    for (const [i, alarm] of alarms.entries()) alarm.set(2000 + ((i * 17) % 50) * 30);
    alarms[7]!.close();
    alarms[9]!.set(Infinity);
    time.advance(5000);
    const expected = alarms.map((_, i) => i).filter((i) => i !== 7 && i !== 9);
    expected.sort((a, b) => ((a * 17) % 50) - ((b * 17) % 50));
    expect(order).toEqual(expected);
  });

  test("the timer stands at the earliest, whatever is set and closed", () => {
    const step = fc.record({
      alarm: fc.nat(39),
      op: fc.constantFrom("set", "set", "set", "sleep", "close", "advance"),
      ms: fc.integer({ min: 1, max: 300 }),
      slack: fc.constantFrom(0, 25, 200),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const time = new FakeTime();
        const scheduler = new Scheduler(time);
        // What each alarm that is not closed was set to last.
        const wanted = new Map<number, { at: number; latest: number }>();
        const alarms = Array.from({ length: 40 }, (_, i) => {
          wanted.set(i, { at: Infinity, latest: Infinity });
          return scheduler.add((now) => {
            expect(now).toBeGreaterThanOrEqual(wanted.get(i)!.at);
            wanted.set(i, { at: Infinity, latest: Infinity });
          });
        });
        for (const { alarm, op, ms, slack } of steps) {
          if (op === "advance") time.advance(ms);
          else if (op === "close") {
            alarms[alarm]!.close();
            wanted.delete(alarm);
          } else {
            const at = op === "set" ? time.time + ms : Infinity;
            alarms[alarm]!.set(at, at + slack);
            // Few have nobody to share a wake-up with; how many there were when it was set counts.
            if (wanted.has(alarm)) wanted.set(alarm, { at, latest: wanted.size < 3 ? at : at + slack });
          }
          const earliest = Math.min(Infinity, ...Array.from(wanted.values(), ({ latest }) => latest));
          expect(scheduler.size).toBe(wanted.size);
          expect(time.timers.length).toBe(earliest === Infinity ? 0 : 1);
          // Rounded up to whole milliseconds, and one more.
          if (earliest < Infinity) expect(Math.abs(time.timers[0]!.at - earliest - 1)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("a hundred nodes that wake once a second share wake-ups, each no later than it allows", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    let woken = 0;
    for (let i = 0; i < 100; i++) {
      let due = 1000 + ((i * 7919) % 1000);
      const alarm = scheduler.add((now) => {
        woken++;
        expect(now).toBeGreaterThanOrEqual(due);
        expect(now).toBeLessThanOrEqual(due + 80 + 2);
        // Jittered, as machines do: without, they would all fall into step.
        due = now + 1000 + ((woken * 31) % 100) - 50;
        alarm.set(due, due + 80);
      });
      alarm.set(due, due + 80);
    }
    time.advance(10_000);
    expect(woken).toBeGreaterThan(900);
    expect(scheduler.wakeUps / 10).toBeLessThan(16);
  });

  test("two alarms are one node, which has nobody to wait for", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const woken: number[] = [];
    scheduler.add((now) => woken.push(now)).set(1100, 1500);
    scheduler.add(() => {});
    time.advance(1000);
    expect(woken[0]).toBeLessThanOrEqual(1102);
  });

  test("one node waits as long as it allows where it is alone, and knows meanwhile that it does", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const woken: number[] = [];
    const alarm = scheduler.add((now) => woken.push(now));
    alarm.set(1100, 1500, 1300);
    expect([1099, 1100, 1300, 1301].map((now) => alarm.isPutOff(now))).toEqual([false, true, true, false]);
    time.advance(1000);
    expect(woken).toHaveLength(1);
    expect(woken[0]).toBeGreaterThanOrEqual(1300);
    expect(woken[0]).toBeLessThanOrEqual(1302);
    expect(alarm.isPutOff(1200)).toBe(false);
    alarm.close();
    expect(alarm.isPutOff(1200)).toBe(false);
  });

  test("an alarm may close itself and others while firing; one that throws does not keep the rest asleep", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const order: string[] = [];
    const first = scheduler.add(() => {
      order.push("first");
      first.close();
      second.close();
      throw new Error("a bug");
    });
    const second = scheduler.add(() => order.push("second"));
    const third = scheduler.add(() => order.push("third"));
    first.set(1100);
    second.set(1100);
    third.set(1100.5);
    expect(() => time.advance(200)).toThrow("a bug");
    expect(order).toEqual(["first", "third"]);
    expect(scheduler.size).toBe(1);
  });
});

describe("after a stall", () => {
  test("sockets are read before timeouts fire, for as long as full turns come", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    const order: string[] = [];
    const alarm = scheduler.add(() => order.push("timeout"));
    alarm.set(1100);
    time.stall(30_000);
    expect(order).toEqual([]);
    const turn = (packets: number) => {
      for (let i = 0; i < packets; i++) {
        scheduler.inputs++;
        // Each packet may move the deadline; no second timer may come of it.
        alarm.set(1100 + (i % 2));
      }
      order.push(`read ${packets}`);
      time.turns.shift()!();
    };
    turn(32);
    turn(32);
    turn(3);
    expect(order).toEqual(["read 32", "read 32", "read 3", "timeout"]);
    expect(time.turns).toEqual([]);
    expect(scheduler.stalls).toBe(1);
  });

  test("a quiet socket delays them by one turn only", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    let woken = 0;
    scheduler.add(() => woken++).set(1100);
    time.stall(500);
    expect(woken).toBe(0);
    time.turns.shift()!();
    expect(woken).toBe(1);
  });

  test("being a little late is not a stall", () => {
    const time = new FakeTime();
    const scheduler = new Scheduler(time);
    let woken = 0;
    scheduler.add(() => woken++).set(1100);
    time.stall(180);
    expect(woken).toBe(1);
    expect(scheduler.stalls).toBe(0);
  });
});
