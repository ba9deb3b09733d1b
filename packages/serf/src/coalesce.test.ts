import { describe, expect, test } from "vitest";
import { agentCoalescing, type CoalescedKind, EventCoalescer, MemberCoalescer, maxWaiting } from "./coalesce.ts";

/** Each step: kinds for member `a`, in one window, with the tags it then has; and what is told as the window closes. */
function windows(...steps: [added: string, told: string][]): void {
  const coalescer = new MemberCoalescer<string>(agentCoalescing);
  let now = 0;
  let version = 0;
  for (const [added, told] of steps) {
    for (const word of added.split(" ")) coalescer.add(`member-${word}` as CoalescedKind, "a", `a${++version}`, now++);
    const due = coalescer.takeDue(coalescer.deadline);
    const newest = due.every(({ members }) => members.length === 1 && members[0] === `a${version}`);
    expect(newest, `${added}: the newest view`).toBe(true);
    expect(due.map(({ kind }) => kind.slice("member-".length)).join(" "), added).toBe(told);
    now += 10_000;
  }
}

describe("the window", () => {
  test("closes when it has been quiet, or when the quantum is over", () => {
    const coalescer = new MemberCoalescer<number>(agentCoalescing);
    expect(coalescer.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(coalescer.takeDue(1e9)).toEqual([]);
    coalescer.add("member-join", "a", 1, 100);
    expect(coalescer.deadline).toBe(1100);
    for (const now of [900, 1700, 2500]) {
      coalescer.add("member-join", `b${now}`, now, now);
      expect(coalescer.takeDue(now)).toEqual([]);
    }
    expect(coalescer.deadline, "the quantum, not the quiet time").toBe(3100);
    expect(coalescer.takeDue(3099.9)).toEqual([]);
    expect(coalescer.takeDue(3100)).toEqual([{ kind: "member-join", members: [1, 1700, 2500, 900] }]);
    expect(coalescer.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(coalescer.takeDue(9999), "told once").toEqual([]);
  });

  test("of events: the same, and an event that is not told keeps it open", () => {
    const coalescer = new EventCoalescer(agentCoalescing);
    coalescer.add({ name: "deploy", lTime: 5 }, 0);
    coalescer.add({ name: "deploy", lTime: 4 }, 600);
    expect(coalescer.deadline).toBe(1600);
    expect(coalescer.takeDue(1599)).toEqual([]);
    expect(coalescer.takeDue(1600)).toEqual([{ name: "deploy", lTime: 5 }]);
    expect(coalescer.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("members", () => {
  test("in a fixed order of kinds, by name within each, whatever the order they came in", () => {
    const coalescer = new MemberCoalescer<string>(agentCoalescing);
    const kinds = ["reap", "update", "failed", "leave", "join"];
    for (const kind of kinds) {
      for (const name of [`${kind}-2`, `${kind}-10`, `${kind}-1`]) {
        coalescer.add(`member-${kind}` as CoalescedKind, name, name, 0);
      }
    }
    expect(coalescer.takeDue(1000)).toEqual(
      kinds.reverse().map((kind) => ({ kind: `member-${kind}`, members: [`${kind}-1`, `${kind}-10`, `${kind}-2`] })),
    );
  });

  test("a join and what followed", () => {
    windows(["join update", "join"]);
    windows(["join update update", "join"]);
    windows(["join leave", "leave"]);
    windows(["join failed", "failed"]);
    windows(["join failed join", "join"]);
    windows(["join update failed", "failed"]);
    windows(["failed leave reap", "reap"]);
  });

  test("an update is told once, and not again at every later window", () => {
    windows(["join", "join"], ["update", "update"], ["failed", "failed"], ["join", "join"]);
    const coalescer = new MemberCoalescer<string>(agentCoalescing);
    coalescer.add("member-update", "a", "a", 0);
    expect(coalescer.takeDue(1000)).toHaveLength(1);
    coalescer.add("member-join", "b", "b", 2000);
    expect(coalescer.takeDue(3000)).toEqual([{ kind: "member-join", members: ["b"] }]);
  });

  test("whoever is gone and back between two windows may have other tags: told as an update", () => {
    windows(["join", "join"], ["failed join", "update"], ["leave join update", "update"], ["update", "update"]);
  });

  test("whoever ends as gone as it was told is not told again", () => {
    windows(["join", "join"], ["failed", "failed"], ["join failed", ""], ["leave", "leave"], ["reap", "reap"]);
    windows(["leave", "leave"], ["join leave", ""], ["join", "join"]);
  });

  test("a member that was reaped is new when it comes again", () => {
    windows(["join", "join"], ["failed reap", "reap"], ["join", "join"], ["reap", "reap"], ["reap", "reap"]);
  });
});

describe("user events", () => {
  interface Told {
    readonly name: string;
    readonly lTime: number;
    readonly id?: string;
  }

  function told(...events: Told[]): unknown[] {
    const coalescer = new EventCoalescer<Told>(agentCoalescing);
    for (const event of events) coalescer.add(event, 0);
    const due = coalescer.takeDue(1000);
    expect(coalescer.takeDue(1e9)).toEqual([]);
    return due.map(({ name, lTime, id = "" }) => `${name}@${lTime}${id}`);
  }

  test("of each name the highest Lamport time, several if equal", () => {
    expect(told({ name: "a", lTime: 3 }, { name: "a", lTime: 5 }, { name: "a", lTime: 4 })).toEqual(["a@5"]);
    expect(told({ name: "a", lTime: 5, id: "x" }, { name: "a", lTime: 5, id: "y" })).toEqual(["a@5x", "a@5y"]);
    expect(told({ name: "a", lTime: 5, id: "x" }, { name: "a", lTime: 5, id: "y" }, { name: "a", lTime: 6 })).toEqual([
      "a@6",
    ]);
  });

  test("earlier times first", () => {
    expect(
      told({ name: "a", lTime: 3 }, { name: "b", lTime: 6 }, { name: "a", lTime: 7 }, { name: "c", lTime: 6 }),
    ).toEqual(["b@6", "c@6", "a@7"]);
  });
});

test("a full window is due at once, and nothing of it is lost", () => {
  const members = new MemberCoalescer<number>(agentCoalescing);
  const events = new EventCoalescer(agentCoalescing);
  for (let i = 0; i < maxWaiting; i++) {
    expect(Math.min(members.deadline, events.deadline), "a window that has room waits").toBeGreaterThan(10);
    members.add("member-join", `m${i}`, i, 10);
    events.add({ name: `e${i % 7}`, lTime: 1 }, 10);
  }
  expect([members.deadline, events.deadline]).toEqual([10, 10]);
  expect(members.takeDue(10)[0]!.members).toHaveLength(maxWaiting);
  expect(events.takeDue(10)).toHaveLength(maxWaiting);
  for (let i = 0; i < maxWaiting; i++) events.add({ name: "replaced", lTime: i }, 20);
  expect(events.deadline, "replaced events take no room").toBe(1020);
});
