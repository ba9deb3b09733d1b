import { type MemberView, NameTable } from "@hearsay/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serfDefaults } from "./config.ts";
import { maxLTime } from "./lamport.ts";
import { type MemberStatus, statusNames } from "./members.ts";
import { Membership } from "./membership.ts";

function view(name: string): MemberView {
  return {
    name,
    addr: Uint8Array.of(10, 0, 0, 1),
    port: 7946,
    endpoint: { address: "10.0.0.1", port: 7946 },
    meta: new Uint8Array(0),
    vsn: Uint8Array.of(1, 5, 2, 2, 5, 5),
    incarnation: 1,
    state: "alive",
    since: 0,
  };
}

/** A membership with a log of what it caused. */
function setUp(overrides: { maxMembers?: number; maxRecentIntents?: number } = {}) {
  const log: string[] = [];
  const config = {
    ...serfDefaults,
    ...(overrides.maxRecentIntents && { maxRecentIntents: overrides.maxRecentIntents }),
  };
  const membership: Membership = new Membership("self", new NameTable(), config, overrides.maxMembers ?? 100, {
    onMember: (type, id) => log.push(`${type} ${membership.members.names.nameOf(id)}`),
    onAccused: () => {
      log.push("accused");
      membership.stampJoin(0);
    },
    onUnwanted: (name) => log.push(`unwanted ${name}`),
  });
  const status = (name: string): MemberStatus | undefined => {
    const id = membership.members.find(name);
    return id < 0 ? undefined : statusNames[membership.members.status(id)];
  };
  const lTime = (name: string) => membership.members.statusLTime(membership.members.find(name));
  /** Brings a member into a status, with status time 10 (or 0 for the alive and failed without an intent). */
  const bring = (name: string, wanted: MemberStatus) => {
    membership.onAlive(view(name), 0);
    if (wanted === "leaving" || wanted === "left") membership.applyLeave(name, 10, false, 0);
    else membership.applyJoin(name, 10, 0);
    if (wanted === "left" || wanted === "failed") membership.onGone(view(name), 0);
    expect(status(name)).toBe(wanted);
    log.length = 0;
  };
  return { membership, log, status, lTime, bring };
}

describe("a leave intent (7.3)", () => {
  it.each([
    ["alive", "leaving", []],
    ["leaving", "leaving", []],
    ["left", "left", []],
    ["failed", "left", ["unwanted a", "member-leave a"]],
  ] as const)("makes %s %s, and is passed on", (before, after, caused) => {
    const { membership, log, status, lTime, bring } = setUp();
    bring("a", before);
    expect(membership.applyLeave("a", 11, false, 1000)).toBe(true);
    expect(status("a")).toBe(after);
    expect(lTime("a")).toBe(11);
    expect(log).toEqual(caused);
    expect(membership.clock.time).toBe(12);
    // The second copy changes nothing and goes no further.
    expect(membership.applyLeave("a", 11, false, 1000)).toBe(false);
  });

  it.each(["alive", "leaving", "left", "failed"] as const)("of the past is dropped when %s", (before) => {
    const { membership, log, status, lTime, bring } = setUp();
    bring("a", before);
    expect(membership.applyLeave("a", 10, true, 0)).toBe(false);
    expect(membership.applyLeave("a", 3, true, 0)).toBe(false);
    expect(status("a")).toBe(before);
    expect(lTime("a")).toBe(10);
    expect(log).toEqual([]);
  });

  it("keeps the time of failure of a failed member, so that it does not stay longer", () => {
    const { membership, status } = setUp();
    membership.onAlive(view("a"), 0);
    membership.onGone(view("a"), 1000);
    membership.applyLeave("a", 5, false, 9_000_000);
    expect(status("a")).toBe("left");
    membership.reap(1000 + serfDefaults.tombstoneTimeoutMs - 1);
    expect(status("a")).toBe("left");
    membership.reap(1000 + serfDefaults.tombstoneTimeoutMs);
    expect(status("a")).toBeUndefined();
  });

  it("about ourselves is refuted with a later time and not passed on", () => {
    const { membership, log, status, lTime } = setUp();
    membership.onAlive(view("self"), 0);
    log.length = 0;
    expect(membership.applyLeave("self", 40, true, 0)).toBe(false);
    expect(log).toEqual(["accused"]);
    expect(status("self")).toBe("alive");
    expect(lTime("self")).toBeGreaterThan(40);
  });

  it("about ourselves is true once we are leaving, and never erases us", () => {
    const { membership, log, status } = setUp();
    membership.onAlive(view("self"), 0);
    log.length = 0;
    membership.leaving = true;
    expect(membership.applyLeave("self", membership.stampLeave(), true, 0)).toBe(true);
    expect(status("self")).toBe("leaving");
    membership.onGone(view("self"), 5);
    membership.runPrunes(1e9);
    expect(status("self")).toBe("left");
    expect(log).toEqual(["unwanted self", "member-leave self"]);
  });

  it.each([2 ** 53, 2 ** 64, maxLTime])("with the time %d changes nothing and poisons nothing", (time) => {
    const { membership, status, lTime, bring } = setUp();
    bring("a", "alive");
    expect(membership.applyLeave("a", time, true, 0)).toBe(false);
    expect(membership.applyJoin("a", time, 0)).toBe(false);
    expect(membership.applyLeave("stranger", time, true, 0)).toBe(false);
    expect(status("a")).toBe("alive");
    expect(lTime("a")).toBe(10);
    expect(membership.recent.size).toBe(0);
    expect(membership.applyLeave("a", membership.stampLeave(), false, 0)).toBe(true);
  });
});

describe("a prune", () => {
  it.each([
    ["left", ["unwanted a", "member-reap a"]],
    ["failed", ["unwanted a", "member-leave a", "unwanted a", "member-reap a"]],
  ] as const)("erases a %s member at once", (before, caused) => {
    const { membership, log, status, bring } = setUp();
    bring("a", before);
    expect(membership.applyLeave("a", 11, true, 0)).toBe(true);
    expect(status("a")).toBeUndefined();
    expect(log).toEqual(caused);
    expect(membership.members.failed.size + membership.members.left.size).toBe(0);
  });

  it("of a live member waits for it to leave", () => {
    const { membership, log, status, bring } = setUp();
    bring("a", "alive");
    membership.applyLeave("a", 11, true, 1000);
    expect(membership.nextPrune).toBe(7000);
    membership.onGone(view("a"), 3000);
    expect(status("a")).toBe("left");
    membership.runPrunes(6999);
    expect(status("a")).toBe("left");
    membership.runPrunes(7000);
    expect(status("a")).toBeUndefined();
    expect(log).toEqual(["unwanted a", "member-leave a", "unwanted a", "member-reap a"]);
    expect(membership.nextPrune).toBe(Number.POSITIVE_INFINITY);
  });

  it("of a live member that stays longer happens when it goes", () => {
    const { membership, status, bring } = setUp();
    bring("a", "leaving");
    membership.applyLeave("a", 11, true, 0);
    membership.runPrunes(6000);
    expect(status("a")).toBe("leaving");
    expect(membership.nextPrune).toBe(Number.POSITIVE_INFINITY);
    membership.onGone(view("a"), 8000);
    expect(membership.nextPrune).toBe(8000);
    membership.runPrunes(8000);
    expect(status("a")).toBeUndefined();
  });

  it("is called off by a refutation, and by a return", () => {
    const { membership, status, bring } = setUp();
    bring("a", "alive");
    bring("b", "alive");
    membership.applyLeave("a", 11, true, 0);
    membership.applyJoin("a", 12, 100);
    membership.applyLeave("b", 11, true, 0);
    membership.onGone(view("b"), 50);
    membership.onAlive(view("b"), 60);
    membership.runPrunes(1e6);
    expect(status("a")).toBe("alive");
    expect(status("b")).toBe("alive");
    expect(membership.pruneCount).toBe(0);
  });
});

describe("a join intent (7.4)", () => {
  it.each([
    ["alive", "alive"],
    ["leaving", "alive"],
    ["left", "left"],
    ["failed", "failed"],
  ] as const)("makes %s %s, and is passed on", (before, after) => {
    const { membership, log, status, lTime, bring } = setUp();
    bring("a", before);
    expect(membership.applyJoin("a", 9, 0)).toBe(false);
    expect(membership.applyJoin("a", 11, 0)).toBe(true);
    expect(membership.applyJoin("a", 11, 0)).toBe(false);
    expect(status("a")).toBe(after);
    expect(lTime("a")).toBe(11);
    expect(log).toEqual([]);
  });
});

describe("a peer's list of the left (7.7)", () => {
  it("makes the living leaving and the failed left, if it tells of something later", () => {
    const { membership, status, lTime, bring } = setUp();
    bring("a", "alive");
    bring("f", "failed");
    for (const name of ["a", "f"]) {
      membership.applyLeftThere(name, 9, 0);
      expect(status(name)).toBe(name === "a" ? "alive" : "failed");
      membership.applyLeftThere(name, 11, 0);
      expect(lTime(name)).toBe(11);
    }
    expect([status("a"), status("f")]).toEqual(["leaving", "left"]);
  });

  it("counts for the failed at the same time, which they may have from one who saw them leaving", () => {
    const { membership, status, bring } = setUp();
    bring("f", "failed");
    membership.applyKnownThere("f", 12, 0);
    expect(status("f")).toBe("failed");
    membership.applyLeftThere("f", 12, 0);
    expect(status("f")).toBe("left");
  });

  it("does not push the times of those who have left here too ever higher", () => {
    const two = [setUp(), setUp()];
    for (const { bring } of two) bring("a", "left");
    for (let i = 0; i < 10; i++) {
      two[0]!.membership.applyLeftThere("a", two[1]!.lTime("a"), 0);
      two[1]!.membership.applyLeftThere("a", two[0]!.lTime("a"), 0);
    }
    for (const { lTime, membership } of two) expect([lTime("a"), membership.clock.time]).toEqual([10, 11]);
    two[0]!.membership.applyLeftThere("a", 17, 0);
    expect(two[0]!.lTime("a")).toBe(17);
  });

  it("of a peer that has missed a return makes nobody leaving who has seen it", () => {
    const { membership, status, bring } = setUp();
    bring("a", "left");
    membership.onAlive(view("a"), 0);
    membership.applyLeftThere("a", 10, 0);
    expect(status("a")).toBe("alive");
  });
});

describe("a past that we do not know of", () => {
  it("makes us say again that we are here, once", () => {
    const { membership, log, status, lTime } = setUp();
    membership.onAlive(view("self"), 0);
    membership.stampJoin(0);
    log.length = 0;
    membership.applyKnownThere("self", 2, 0);
    expect(log).toEqual([]);
    membership.applyKnownThere("self", 20, 0);
    expect(log).toEqual(["accused"]);
    expect(lTime("self")).toBeGreaterThan(20);
    membership.applyKnownThere("self", 20, 0);
    membership.applyKnownThere("self", lTime("self"), 0);
    expect(log).toEqual(["accused"]);
    expect(status("self")).toBe("alive");
  });

  it("is nothing new before we have said anything: the join to come is later", () => {
    const { membership, log } = setUp();
    membership.onAlive(view("self"), 0);
    log.length = 0;
    membership.applyKnownThere("self", 20, 0);
    expect(log).toEqual([]);
    expect(membership.stampJoin(0)).toBeGreaterThan(20);
  });
});

describe("what a peer knows (7.7)", () => {
  it("does not take back a leave that both have heard of", () => {
    const { membership, status, bring } = setUp();
    bring("a", "leaving");
    membership.applyKnownThere("a", 10, 0);
    expect(status("a")).toBe("leaving");
    membership.applyKnownThere("a", 11, 0);
    expect(status("a")).toBe("alive");
  });
});

describe("a join and a leave with one time", () => {
  it.each(["join first", "leave first"])("leave the member alive, %s", (order) => {
    const { membership, status, bring } = setUp();
    bring("a", "alive");
    const join = () => membership.applyJoin("a", 11, 0);
    const leave = () => membership.applyLeave("a", 11, false, 0);
    if (order === "join first") expect([join(), leave()]).toEqual([true, false]);
    else expect([leave(), join()]).toEqual([true, true]);
    expect(status("a")).toBe("alive");
    // And then it is over: no copy of either goes round again.
    expect([join(), leave()]).toEqual([false, false]);
  });
});

describe("the detector's word (7.2)", () => {
  it.each([
    ["alive", "failed", ["member-failed a"]],
    ["leaving", "left", ["unwanted a", "member-leave a"]],
    ["left", "left", []],
    ["failed", "failed", []],
  ] as const)("death makes %s %s", (before, after, caused) => {
    const { membership, log, status, bring } = setUp();
    bring("a", before);
    membership.onGone(view("a"), 5);
    expect(status("a")).toBe(after);
    expect(log).toEqual(caused);
  });

  it.each(["leaving", "left", "failed"] as const)("life makes %s alive, and keeps the status time", (before) => {
    const { membership, log, status, lTime, bring } = setUp();
    bring("a", before);
    membership.onAlive(view("a"), 5);
    expect(status("a")).toBe("alive");
    expect(lTime("a")).toBe(10);
    expect(log).toEqual(["member-join a"]);
    expect(membership.members.failed.size + membership.members.left.size).toBe(0);
    expect(membership.flaps).toBe(before === "failed" ? 1 : 0);
  });

  it("finds the intents that came before the member", () => {
    const { membership, status, lTime } = setUp();
    expect(membership.applyJoin("a", 7, 0)).toBe(true);
    expect(membership.applyJoin("a", 7, 0)).toBe(false);
    expect(membership.applyLeave("b", 8, false, 0)).toBe(true);
    expect(membership.applyJoin("b", 3, 0)).toBe(false);
    membership.onAlive(view("a"), 1);
    membership.onAlive(view("b"), 1);
    expect([status("a"), lTime("a"), status("b"), lTime("b")]).toEqual(["alive", 7, "leaving", 8]);
  });

  it("about those we do not know changes nothing", () => {
    const { membership, log } = setUp();
    membership.onGone(view("a"), 0);
    membership.onUpdate(view("a"));
    expect(log).toEqual([]);
  });
});

describe("reaping", () => {
  it("erases each kind after its own time, and forgets old intents", () => {
    const { membership, log, status, bring } = setUp();
    bring("failed", "failed");
    bring("left", "left");
    bring("alive", "alive");
    membership.applyJoin("stranger", 5, 0);
    membership.reap(serfDefaults.recentIntentTimeoutMs);
    expect(membership.recent.size).toBe(1);
    membership.reap(serfDefaults.recentIntentTimeoutMs + 1);
    expect(membership.recent.size).toBe(0);
    membership.reap(serfDefaults.tombstoneTimeoutMs);
    expect([status("failed"), status("left"), status("alive")]).toEqual([undefined, undefined, "alive"]);
    expect(log).toEqual(["unwanted failed", "member-reap failed", "unwanted left", "member-reap left"]);
  });
});

describe("bounds", () => {
  it("let the longest gone make room, the left before the failed", () => {
    const { membership, log, bring } = setUp({ maxMembers: 4 });
    bring("f1", "failed");
    bring("l1", "left");
    bring("f2", "failed");
    bring("a1", "alive");
    for (const name of ["a2", "a3", "a4"]) membership.onAlive(view(name), 1);
    expect(log.filter((line) => line.startsWith("member-reap"))).toEqual([
      "member-reap l1",
      "member-reap f1",
      "member-reap f2",
    ]);
    expect(membership.members.length).toBe(4);
  });

  it("keep so many recent intents and no more", () => {
    const { membership } = setUp({ maxRecentIntents: 3 });
    for (let i = 0; i < 10; i++) membership.applyJoin(`n${i}`, i, i);
    expect(membership.recent.size).toBe(3);
    expect(membership.recent.get("n6")).toBeUndefined();
    expect(membership.recent.get("n9")).toBeDefined();
  });
});

describe("any order of the same intents", () => {
  // Two intents with one time exist only for different members: each time is stamped once.
  const intents = fc
    .uniqueArray(fc.nat({ max: 50 }), { minLength: 1, maxLength: 12 })
    .chain((times) =>
      fc.tuple(fc.constant(times), fc.array(fc.boolean(), { minLength: times.length, maxLength: times.length })),
    )
    .map(([times, leaves]) => times.map((lTime, i) => ({ lTime: lTime + 1, leave: leaves[i]! })));
  const shuffled = intents.chain((list) =>
    fc.tuple(
      fc.shuffledSubarray(list, { minLength: list.length }),
      fc.shuffledSubarray(list, { minLength: list.length }),
      fc.nat({ max: list.length }),
      fc.nat({ max: list.length }),
    ),
  );

  it("ends in the same status for the living, whenever the member itself appears", () => {
    fc.assert(
      fc.property(shuffled, ([first, second, appearsFirst, appearsSecond]) => {
        const ends = [
          { order: first, appears: appearsFirst },
          { order: second, appears: appearsSecond },
        ].map(({ order, appears }) => {
          const { membership, status, lTime } = setUp();
          for (const [i, intent] of order.entries()) {
            if (i === appears) membership.onAlive(view("a"), 0);
            if (intent.leave) membership.applyLeave("a", intent.lTime, false, 0);
            else membership.applyJoin("a", intent.lTime, 0);
          }
          if (membership.members.find("a") < 0) membership.onAlive(view("a"), 0);
          return [status("a"), lTime("a"), membership.clock.time];
        });
        const last = first.reduce((a, b) => (a.lTime > b.lTime ? a : b));
        expect(ends[0]).toEqual([last.leave ? "leaving" : "alive", last.lTime, last.lTime + 1]);
        expect(ends[1]).toEqual(ends[0]);
      }),
      { numRuns: 2000 },
    );
  });

  it("ends in left for the dead if the last intent is a leave", () => {
    fc.assert(
      fc.property(shuffled, ([order, , dies]) => {
        const { membership, status } = setUp();
        membership.onAlive(view("a"), 0);
        for (const [i, intent] of order.entries()) {
          if (i === dies) membership.onGone(view("a"), 0);
          if (intent.leave) membership.applyLeave("a", intent.lTime, false, 0);
          else membership.applyJoin("a", intent.lTime, 0);
        }
        if (dies >= order.length) membership.onGone(view("a"), 0);
        const last = order.reduce((a, b) => (a.lTime > b.lTime ? a : b));
        if (last.leave) expect(status("a")).toBe("left");
        else expect(["left", "failed"]).toContain(status("a"));
        const { failed, left } = membership.members;
        expect(failed.size + left.size).toBe(1);
      }),
      { numRuns: 2000 },
    );
  });

  it("never lets the status time or the clock fall", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom("leave", "join", "prune"),
        name: fc.constantFrom("a", "b", "self"),
        lTime: fc.nat(40),
      }),
      fc.record({
        kind: fc.constantFrom("alive", "gone", "reap", "prunes"),
        name: fc.constantFrom("a", "b"),
        lTime: fc.nat(1e9),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { membership, lTime } = setUp({ maxMembers: 3 });
        membership.onAlive(view("self"), 0);
        let clock = 1;
        let now = 0;
        for (const { kind, name, lTime: time } of steps) {
          const before = membership.members.find(name) < 0 ? undefined : lTime(name);
          if (kind === "leave" || kind === "prune") membership.applyLeave(name, time, kind === "prune", now);
          else if (kind === "join") membership.applyJoin(name, time, now);
          else if (kind === "alive") membership.onAlive(view(name), now);
          else if (kind === "gone") membership.onGone(view(name), now);
          else if (kind === "reap") membership.reap((now += time));
          else membership.runPrunes((now += time));
          if (before !== undefined && membership.members.find(name) >= 0)
            expect(lTime(name)).toBeGreaterThanOrEqual(before);
          expect(membership.clock.time).toBeGreaterThanOrEqual(clock);
          clock = membership.clock.time;
          // Whoever is failed or left is on exactly that list, and nobody else is on one.
          const { members } = membership;
          let gone = 0;
          for (const id of members.ids()) {
            const word = statusNames[members.status(id)];
            expect(members.failed.has(id)).toBe(word === "failed");
            expect(members.left.has(id)).toBe(word === "left");
            gone += members.gone(id) ? 1 : 0;
          }
          expect(members.failed.size + members.left.size).toBe(gone);
          expect([...members.ids()]).toHaveLength(members.length);
          expect(members.length).toBeLessThanOrEqual(3);
          expect(members.find("self")).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
