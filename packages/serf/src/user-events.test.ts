import { encodeUtf8, Reader } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { readUserEvent } from "./decode.ts";
import type { SerfUserEvent } from "./types.ts";
import { maxUserEventBytes, UserEvents } from "./user-events.ts";

function bench() {
  const told: SerfUserEvent[] = [];
  const sent: Uint8Array[] = [];
  const events = new UserEvents(512, 1e6, {
    onUserEvent: (event) => told.push(event),
    passOn: (message) => sent.push(message),
    onDrop: () => {},
  });
  return { told, sent, events };
}

const usual = { limit: 512, packetLimit: 1395 };

describe("a user event of ours (8.1)", () => {
  it("is told here, sent, and stamped with the time before it", () => {
    const { told, sent, events } = bench();
    expect(events.originate("deploy", encodeUtf8("v1"), true, usual, 0)).toBe(1);
    expect(events.originate("deploy", null, false, usual, 0)).toBe(2);
    expect(events.clock.time).toBe(3);
    expect(told).toEqual([
      { type: "user-event", name: "deploy", payload: encodeUtf8("v1"), lTime: 1, coalesce: true },
      { type: "user-event", name: "deploy", payload: null, lTime: 2, coalesce: false },
    ]);
    expect(sent.map((message) => readUserEvent(new Reader(message, 1)))).toEqual(
      told.map(({ type: _, ...rest }) => rest),
    );
  });

  it("is told again to nobody when it comes back", () => {
    const { told, sent, events } = bench();
    events.originate("deploy", encodeUtf8("v1"), true, usual, 0);
    events.handleMessage(sent[0]!, 0);
    events.mergeSlots([{ lTime: 1, events: [{ name: "deploy", payload: encodeUtf8("v1") }] }], 0);
    expect([told.length, sent.length]).toEqual([1, 1]);
  });

  it("keeps bytes of its own, whatever becomes of the caller's and of those told", () => {
    const { told, sent, events } = bench();
    const payload = encodeUtf8("v1");
    events.originate("deploy", payload, true, usual, 0);
    payload.fill(0);
    told[0]!.payload!.fill(0);
    events.handleMessage(sent[0]!, 0);
    expect(told).toHaveLength(1);
    expect(events.buffer.slots()[0]!.events[0]!.payload).toEqual(encodeUtf8("v1"));
  });

  // Checks in this order, in Serf's words; the last is ours: Serf takes such events and never gossips them.
  it.each([
    [513, usual, "user event exceeds configured limit of 512 bytes before encoding"],
    [512, usual, "encoded user event exceeds configured limit of 512 bytes after encoding"],
    [488, usual, "encoded user event exceeds configured limit of 512 bytes after encoding"],
    [9217, { limit: 9300, packetLimit: 1395 }, "user event exceeds sane limit of 9216 bytes before encoding"],
    [
      9216,
      { limit: 9300, packetLimit: 1395 },
      "encoded user event exceeds reasonable limit of 9216 bytes after encoding",
    ],
    [1395, { limit: 9216, packetLimit: 1395 }, "encoded user event of 1425 bytes fits no packet: 1395 is the most"],
    [1366, { limit: 9216, packetLimit: 1395 }, "encoded user event of 1396 bytes fits no packet: 1395 is the most"],
  ])("of %d bytes with limits of %o is refused", (bytes, limits, message) => {
    const { told, sent, events } = bench();
    const name = "evt";
    const payload = new Uint8Array(bytes - name.length);
    const error = expect.objectContaining({ code: "event-too-long", message });
    expect(() => events.originate(name, payload, false, limits, 0)).toThrow(error);
    expect([events.clock.time, told.length, sent.length]).toEqual([1, 0, 0]);
  });

  it("just within its limits is sent", () => {
    const { sent, events } = bench();
    // Of the encoding, with the heads of name and payload.
    const overhead = 30;
    events.originate("evt", new Uint8Array(512 - overhead - 3), false, usual, 0);
    const large = { limit: maxUserEventBytes, packetLimit: 1395 };
    events.originate("evt", new Uint8Array(1395 - overhead - 3), false, large, 0);
    expect(sent.map((message) => message.length)).toEqual([512, 1395]);
  });

  it("counts a name by its bytes", () => {
    const { events } = bench();
    expect(() => events.originate("é".repeat(257), null, false, usual, 0)).toThrow(/before encoding/);
  });
});

describe("events of a peer's buffer", () => {
  it("are told in order of time, though its ring is not", () => {
    const { told, events } = bench();
    const slot = (lTime: number) => ({ lTime, events: [{ name: "e", payload: null }] });
    events.mergeSlots([slot(600), slot(601), slot(400), slot(401)], 0);
    expect(told.map(({ lTime }) => lTime)).toEqual([400, 401, 600, 601]);
  });
});
