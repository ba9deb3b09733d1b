import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLine, isNameWritable, MAX_LINE_BYTES, parseLine, type SnapshotRecord } from "./lines.ts";
import { Replay } from "./replay.ts";
import { compactAtBytes, SnapshotState } from "./state.ts";

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter(isNameWritable);
const address = fc.oneof(fc.ipV4(), fc.constantFrom("2001:db8::1", "::1"));
const port = fc.integer({ min: 1, max: 65_535 });
const time = fc.nat(2 ** 40);
const hash = fc.stringMatching(/^[0-9a-f]{16}$/);
const fewNames = fc.constantFrom("a", "b c", "ä ö 1.2.3.4:5", "leave", "# x");
const record = (names: fc.Arbitrary<string>): fc.Arbitrary<SnapshotRecord> =>
  fc.oneof(
    fc.record({ type: fc.constant("alive" as const), name: names, address, port }),
    fc.record({ type: fc.constant("not-alive" as const), name: names }),
    fc.record({ type: fc.constantFrom("clock" as const, "event-clock" as const, "query-clock" as const), time }),
    fc.record({ type: fc.constant("leave" as const) }),
    fc.record({ type: fc.constant("seen-range" as const), from: time, to: time }),
    fc.record({ type: fc.constant("seen-event" as const), time, hash }),
  );
const encode = (text: string) => new TextEncoder().encode(text);

function replayed(bytes: Uint8Array | string, rejoinAfterLeave = false, pieces: readonly number[] = []): Replay {
  const replay = new Replay({ rejoinAfterLeave });
  let rest = typeof bytes === "string" ? encode(bytes) : bytes;
  for (const length of pieces) {
    replay.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  replay.push(rest);
  return replay;
}

const plain = (state: SnapshotState) => ({
  members: [...state.alive.values()],
  clocks: state.clocks(),
  seen: state.seenEvents(),
  left: state.left,
});

describe("lines", () => {
  test("every record is one line that reads as itself", () => {
    fc.assert(
      fc.property(record(name), (each) => {
        const line = formatLine(each);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(parseLine(line.slice(0, -1))).toEqual(each);
      }),
    );
  });

  test.each([
    ["alive: web 1 10.0.0.1:7946", { type: "alive", name: "web 1", address: "10.0.0.1", port: 7946 }],
    ["alive: x [::1]:1", { type: "alive", name: "x", address: "::1", port: 1 }],
    ["not-alive: web 1", { type: "not-alive", name: "web 1" }],
    ["clock: 0", { type: "clock", time: 0 }],
    ["coordinate: {}", { type: "nothing" }],
    ["# note", { type: "nothing" }],
    ["# seen-range: 0 12", { type: "seen-range", from: 0, to: 12 }],
    ["# seen-event: 12 0123456789abcdef", { type: "seen-event", time: 12, hash: "0123456789abcdef" }],
    ["# seen-range: 12", { type: "nothing" }],
    ["# seen-range: 1 9007199254740990", { type: "nothing" }],
    ["# seen-event: 12 0123456789ABCDEF", { type: "nothing" }],
    ["# seen-event: 9007199254740990 0123456789abcdef", { type: "nothing" }],
    ["# seen-event: 12 0123456789abcdef ", { type: "nothing" }],
    ["leave", { type: "leave" }],
  ])("%s", (line, expected) => expect(parseLine(line)).toEqual(expected));

  test.each([
    "",
    "alive: ",
    "alive: x",
    "alive:  10.0.0.1:7946",
    "alive: x 10.0.0.1",
    "alive: x 10.0.0.1:0",
    "alive: x 10.0.0.1:65536",
    "alive: x 10.0.0.256:1",
    "alive: x ::1:1",
    "alive: x [10.0.0.1]:1",
    "alive: x [fe80::1%eth0]:1",
    "alive: x host:1",
    "not-alive: ",
    "clock: -1",
    "clock: 1.5",
    "clock: 1e3",
    "clock: ",
    "event-clock: 9007199254740990",
    "query-clock: 18446744073709551615",
    "leave ",
    " leave",
    "joined: x",
  ])("no record: %j", (line) => expect(parseLine(line)).toBeUndefined());
});

describe("replay", () => {
  const records = fc.array(record(fewNames), { maxLength: 60 });

  test("in pieces or whole, it is the same, and it is what was written", () => {
    fc.assert(
      fc.property(records, fc.boolean(), fc.array(fc.integer({ min: 0, max: 20 })), (all, rejoin, pieces) => {
        const state = new SnapshotState({ rejoinAfterLeave: rejoin });
        for (const each of all) state.apply(each);
        const text = all.map(formatLine).join("");
        const replay = replayed(text, rejoin, pieces);
        expect(plain(replay.state)).toEqual(plain(state));
        expect(replay).toMatchObject({ records: all.length, skipped: 0, isForeign: false });
        expect(replay.completeBytes).toBe(encode(text).length);
      }),
    );
  });

  test("written anew it says the same", () => {
    fc.assert(
      fc.property(records, fc.boolean(), (all, rejoin) => {
        const state = replayed(all.map(formatLine).join(""), rejoin).state;
        const again = replayed([...state.lines()].join(""), rejoin).state;
        expect(plain(again)).toEqual(plain(state));
      }),
    );
  });

  test("broken off anywhere, it is what the complete lines say", () => {
    fc.assert(
      fc.property(records, fc.nat(), (all, cut) => {
        const bytes = encode(all.map(formatLine).join(""));
        const part = bytes.subarray(0, cut % (bytes.length + 1));
        const complete = part.lastIndexOf(10) + 1;
        const replay = replayed(part);
        expect(replay.completeBytes).toBe(complete);
        expect(plain(replay.state)).toEqual(plain(replayed(part.slice(0, complete)).state));
        expect(replay.isForeign).toBe(false);
      }),
    );
  });

  test("a goodbye forgets members and clocks; later lines count again; with rejoin it is nothing", () => {
    const text =
      "alive: a 10.0.0.1:1\nclock: 5\nevent-clock: 6\nquery-clock: 7\nleave\nclock: 8\nalive: b 10.0.0.2:1\n";
    const b = { name: "b", address: "10.0.0.2", port: 1 };
    expect(plain(replayed(text).state)).toEqual({
      members: [b],
      clocks: { memberTime: 8, eventTime: 0, queryTime: 0 },
      left: true,
    });
    expect(plain(replayed(text, true).state)).toEqual({
      members: [{ name: "a", address: "10.0.0.1", port: 1 }, b],
      clocks: { memberTime: 8, eventTime: 6, queryTime: 7 },
      left: true,
    });
    expect(replayed("alive: a 10.0.0.1:1\nleave\n").state.clocks()).toBeUndefined();
  });

  test("lines that are none are passed over, and the first is named", () => {
    const long = `alive: ${"n".repeat(MAX_LINE_BYTES)} 10.0.0.1:1`;
    const replay = replayed(`# serf\nclock: 3\n${long}\nnonsense\nclock: 4\n`, false, [1000, 30, 500]);
    expect(replay).toMatchObject({ records: 2, skipped: 2, firstSkipped: { line: 3 } });
    expect(replay.state.memberTime).toBe(4);
    expect(replay.state.alive.size).toBe(0);
  });

  test("any bytes: nothing throws, little is kept, and good lines after them count", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000 }), fc.array(fc.nat(500)), (bytes, pieces) => {
        const replay = replayed(bytes, false, pieces);
        replay.push(encode("\nclock: 77\n"));
        expect(replay.state.memberTime).toBe(77);
      }),
    );
  });

  test.each([
    ["", false],
    ["ali", false],
    ["alive: x 10.", false],
    ["# only a note\n", false],
    ["clock: 1\nnonsense\n", false],
    ["nonsense\n", true],
    ["root:x:0:0", true],
    ["# a script\nexit 1\n", true],
    ["\0".repeat(2000), true],
  ])("somebody else's file, %#", (text, foreign) => expect(replayed(text).isForeign).toBe(foreign));
});

test("when to write anew", () => {
  expect(compactAtBytes(1, 0)).toBe(131_072);
  expect(compactAtBytes(1000, 40_000)).toBe(256_000);
  expect(compactAtBytes(1000, 200_000)).toBe(400_000);
});
