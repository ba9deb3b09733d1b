import { encodeUtf8, Writer } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { EventBuffer } from "./event-buffer.ts";
import { eventHash } from "./event-hash.ts";
import { Filters } from "./filters.ts";
import { LeaveSequence } from "./leave.ts";
import { QueryBuffer } from "./query-buffer.ts";

const bytes = (text: string) => encodeUtf8(text);

describe("EventBuffer (8.2)", () => {
  it("takes each event once, by time, name and payload", () => {
    const buffer = new EventBuffer(512, 1e6);
    expect(buffer.add(5, "deploy", bytes("v1"), 6)).toBe("new");
    expect(buffer.add(5, "deploy", bytes("v1"), 6)).toBe("duplicate");
    expect(buffer.add(5, "deploy", bytes("v2"), 6)).toBe("new");
    expect(buffer.add(5, "restart", bytes("v1"), 6)).toBe("new");
    expect(buffer.add(6, "deploy", bytes("v1"), 7)).toBe("new");
    expect(buffer.add(7, "empty", null, 8)).toBe("new");
    expect(buffer.add(7, "empty", new Uint8Array(0), 8)).toBe("duplicate");
    expect(buffer.length).toBe(5);
  });

  it("reaches back one buffer length, the time just at the edge included", () => {
    const buffer = new EventBuffer(512, 1e6);
    expect(buffer.add(9489, "edge", null, 10001)).toBe("new");
    expect(buffer.add(9488, "over", null, 10001)).toBe("too-old");
    expect(buffer.add(1, "young", null, 512)).toBe("new");
  });

  it("lets a time give way to the one that shares its slot", () => {
    const buffer = new EventBuffer(4, 1e6);
    for (let time = 1; time <= 10; time++) buffer.add(time, "e", bytes("x"), time + 1);
    expect(buffer.slots().map((slot) => slot.lTime)).toEqual([7, 8, 9, 10]);
    expect(buffer.length).toBe(4);
    expect(buffer.bytes).toBe(8);
  });

  it("wants nothing from before its minimum", () => {
    const buffer = new EventBuffer(512, 1e6);
    buffer.minTime = 10;
    expect(buffer.add(9, "e", null, 11)).toBe("past");
    expect(buffer.add(10, "e", null, 11)).toBe("new");
  });

  it("takes what was seen in an earlier life for a repetition, and has nothing of it to tell", () => {
    const buffer = new EventBuffer(4, 1e6);
    buffer.minTime = 3;
    buffer.restore(new Map([[5, new Set([eventHash("deploy", bytes("v1")), eventHash("empty", null)])]]));
    expect(buffer.add(5, "deploy", bytes("v1"), 6)).toBe("duplicate");
    expect(buffer.add(5, "empty", new Uint8Array(0), 6)).toBe("duplicate");
    expect(buffer.slots()).toEqual([]);
    expect(buffer.add(5, "deploy", bytes("v2"), 6)).toBe("new");
    expect(buffer.add(5, "deploy", bytes("v1"), 6)).toBe("duplicate");
    expect(buffer.add(4, "deploy", bytes("v1"), 6)).toBe("new");
    expect(buffer.add(2, "deploy", bytes("v1"), 6)).toBe("past");
    expect([buffer.length, buffer.openFrom(6), buffer.openFrom(9)]).toEqual([2, 3, 5]);
    // Until the window has passed it.
    expect(buffer.add(5, "deploy", bytes("v1"), 9)).toBe("duplicate");
    expect(buffer.add(5, "deploy", bytes("v1"), 10)).toBe("too-old");
  });

  it("stays within its bytes, the oldest times going first", () => {
    const buffer = new EventBuffer(512, 1000);
    for (let time = 1; time <= 20; time++) expect(buffer.add(time, "", new Uint8Array(100), time + 1)).toBe("new");
    expect(buffer.bytes).toBeLessThanOrEqual(1000);
    expect(buffer.slots()[0]?.lTime).toBe(11);
    expect(buffer.add(21, "", new Uint8Array(1001), 22)).toBe("buffer-full");
  });

  it("does not take for news what has gone for want of bytes", () => {
    const buffer = new EventBuffer(512, 1000);
    const add = (time: number) => buffer.add(time, "", new Uint8Array(100), 21);
    for (let time = 1; time <= 20; time++) add(time);
    // A peer that has more room tells all of them again with each exchange.
    const again = Array.from({ length: 20 }, (_, i) => add(i + 1));
    expect(again).toEqual([...Array(10).fill("too-old"), ...Array(10).fill("duplicate")]);
    expect(buffer.slots().map((slot) => slot.lTime)).toEqual(Array.from({ length: 10 }, (_, i) => i + 11));
  });

  it("stays within its events of one time", () => {
    const buffer = new EventBuffer(512, 1e6);
    const verdicts = Array.from({ length: 600 }, (_, i) => buffer.add(1, `e${i}`, null, 2));
    expect(verdicts.filter((verdict) => verdict === "new")).toHaveLength(512);
    expect(verdicts.at(-1)).toBe("buffer-full");
  });
});

describe("QueryBuffer (9.3)", () => {
  it("takes each query once, by time and number", () => {
    const buffer = new QueryBuffer(512);
    expect(buffer.add(1, 77, 2)).toBe("new");
    expect(buffer.add(1, 77, 2)).toBe("duplicate");
    expect(buffer.add(1, 78, 2)).toBe("new");
    expect(buffer.add(2, 77, 3)).toBe("new");
    expect(buffer.add(9489, 1, 10001)).toBe("new");
    expect(buffer.add(9488, 1, 10001)).toBe("too-old");
  });

  it("stays within its queries of one time", () => {
    const buffer = new QueryBuffer(512);
    const verdicts = Array.from({ length: 1100 }, (_, id) => buffer.add(1, id, 2));
    expect(verdicts.filter((verdict) => verdict === "new")).toHaveLength(1024);
  });
});

describe("query filters (9.2)", () => {
  const node = (...names: string[]) => new Writer().byte(0).value(names).finish();
  const tag = (Tag: string, Expr: string) => new Writer().byte(1).value({ Expr, Tag }).finish();
  const passes = (...filters: Uint8Array[]) =>
    new Filters().judge(filters, "n1", { role: "web-1", dc: "east" }, 0) === "pass";

  it("pass when all of them do", () => {
    expect(new Filters().judge(null, "n1", {}, 0)).toBe("pass");
    expect(passes()).toBe(true);
    expect(passes(node("n0", "n1"))).toBe(true);
    expect(passes(node("n0"))).toBe(false);
    expect(passes(node())).toBe(false);
    expect(passes(tag("role", "web"))).toBe(true);
    expect(passes(tag("role", "^web$"))).toBe(false);
    expect(passes(tag("role", "(?i)WEB"), tag("dc", "east|west"))).toBe(true);
    expect(passes(tag("role", "web"), tag("dc", "west"))).toBe(false);
    expect(passes(node("n1"), tag("missing", "^$"))).toBe(true);
    expect(passes(tag("constructor", "function"))).toBe(false);
  });

  it("do not pass when broken, unknown or hostile", () => {
    expect(passes(tag("role", "("))).toBe(false);
    expect(passes(tag("role", `(${"a+".repeat(200)})+$`))).toBe(false);
    expect(passes(Uint8Array.of(2, 0x80))).toBe(false);
    expect(passes(Uint8Array.of(0))).toBe(false);
    expect(passes(Uint8Array.of(1, 0xc1))).toBe(false);
    expect(passes(new Uint8Array(0))).toBe(false);
    expect(passes(...Array.from({ length: 101 }, () => node("n1")))).toBe(false);
  });
});

describe("the cost of filters", () => {
  const tag = (Expr: string) => new Writer().byte(1).value({ Expr, Tag: "role" }).finish();
  const tags = { role: "a".repeat(400) };

  it.each([
    ["to run", (i: number) => `(.?){900}${i}x`],
    ["to compile", (i: number) => `\\p{L}${i}`],
    ["to refuse", (i: number) => String(i).padStart(256, "(")],
    ["in large classes", (i: number) => `((?i)[${"b-c".repeat(70)}]?){400}${i}`],
  ])("is bounded for all queries together when patterns are dear %s", (_, pattern) => {
    const filters = new Filters();
    const hostile = Array.from({ length: 2000 }, (_, i) => tag(pattern(i)));
    const before = process.cpuUsage();
    const verdicts = hostile.map((filter) => filters.judge([filter], "n1", tags, 0));
    const { user, system } = process.cpuUsage(before);
    // Of the processor, not of the clock: other work on the machine is none of it. Microseconds.
    expect(user + system).toBeLessThan(500_000);
    // Had they all been judged, it would not have run out of what it may spend at one time.
    expect(verdicts.filter((verdict) => verdict === "unknown").length).toBeGreaterThan(1000);
    expect(verdicts.at(-1)).toBe("unknown");
    expect(filters.judge([tag("^a+$")], "n1", tags, 0)).toBe("unknown");
    expect(filters.judge([tag("^a+$")], "n1", tags, 100)).toBe("pass");
  });

  it("is next to nothing for a pattern met before", () => {
    const filters = new Filters();
    // Compiling it each time would use the budget up within a hundred.
    for (let i = 0; i < 5000; i++) expect(filters.judge([tag("^\\p{L}")], "n1", tags, 0)).toBe("pass");
  });
});

describe("LeaveSequence (7.8)", () => {
  function setUp() {
    const log: string[] = [];
    const leave = new LeaveSequence(
      {
        broadcastIntent: () => {
          log.push("intent");
          return 7;
        },
        leaveDetector: () => log.push("detector"),
        onLeft: () => log.push("left"),
      },
      5000,
      1000,
    );
    return { log, leave };
  }

  it("says the intent, then leaves the detector, then lingers", () => {
    const { log, leave } = setUp();
    leave.begin(false, 100);
    expect([leave.phase, leave.deadline, ...log]).toEqual(["intent", 5100, "intent"]);
    leave.onBroadcastDone(6, 200);
    leave.onDetectorLeft(200);
    expect(leave.phase).toBe("intent");
    leave.onBroadcastDone(7, 300);
    expect([leave.phase, leave.deadline]).toEqual(["detector", 5300]);
    leave.onDetectorLeft(400);
    expect([leave.phase, leave.deadline]).toEqual(["linger", 1400]);
    leave.handleTimeout(1399);
    expect(leave.phase).toBe("linger");
    leave.handleTimeout(1400);
    expect([leave.phase, leave.deadline, ...log]).toEqual([
      "done",
      Number.POSITIVE_INFINITY,
      "intent",
      "detector",
      "intent",
      "left",
    ]);
  });

  it("ends though nobody hears it", () => {
    const { log, leave } = setUp();
    leave.begin(false, 0);
    for (const now of [5000, 10_000, 11_000]) leave.handleTimeout(now);
    expect([leave.phase, ...log]).toEqual(["done", "intent", "detector", "intent", "left"]);
  });

  it("waits for nothing when alone", () => {
    const { log, leave } = setUp();
    leave.begin(true, 0);
    leave.onDetectorLeft(0);
    expect([leave.phase, ...log]).toEqual(["done", "detector", "left"]);
  });
});
