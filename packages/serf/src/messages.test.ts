import { Reader } from "@hearsay/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readJoin,
  readLeave,
  readMemberRecord,
  readQuery,
  readQueryResponse,
  readRelay,
  readState,
  readUserEvent,
} from "./decode.ts";
import {
  encodeJoin,
  encodeLeave,
  encodeMemberRecord,
  encodeQuery,
  encodeQueryResponse,
  encodeRelay,
  encodeState,
  encodeUserEvent,
} from "./encode.ts";
import {
  type MemberRecordMessage,
  type Query,
  type QueryResponse,
  type Relay,
  type SerfState,
  SerfType,
  type UserEvent,
} from "./messages.ts";
import { fromHex, rawHex, type SerfLayer, serfMessages, toHex } from "./testing/vectors.ts";

const limits = { maxNames: 1000, maxEvents: 1000 };
const messages = serfMessages();

/** Reads with `read`, insisting that it worked. */
function reading<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes, 1);
  const value = read(reader);
  expect(reader.failure).toBeUndefined();
  return value;
}

/** Decodes and encodes again; undefined for the types that are not sent or whose maps have no order. */
function recode(type: number, bytes: Uint8Array): Uint8Array | undefined {
  switch (type) {
    case SerfType.leave:
      return encodeLeave(reading(bytes, readLeave));
    case SerfType.join:
      return encodeJoin(reading(bytes, readJoin));
    case SerfType.userEvent:
      return encodeUserEvent(reading(bytes, readUserEvent));
    case SerfType.query:
      return encodeQuery(reading(bytes, readQuery));
    case SerfType.queryResponse:
      return encodeQueryResponse(reading(bytes, readQueryResponse));
    case SerfType.relay:
      return encodeRelay(reading(bytes, readRelay));
    default:
      return undefined;
  }
}

describe("vectors of real agents", () => {
  it("are there, of every kind", () => {
    expect(new Set(messages.map((found) => found.value.name))).toEqual(
      new Set([
        "join",
        "leave",
        "pushPull",
        "userEvent",
        "query",
        "queryResponse",
        "relay",
        "keyRequest",
        "keyResponse",
        "conflictResponse",
      ]),
    );
  });

  it("come out byte for byte when decoded and encoded", () => {
    let compared = 0;
    for (const { value } of messages) {
      const again = recode(value.type, fromHex(value.hex));
      if (!again) continue;
      expect(toHex(again)).toBe(value.hex);
      compared++;
    }
    expect(compared).toBeGreaterThan(50);
  });

  it("decode to the fields shown beside them", () => {
    for (const { value } of messages) {
      const bytes = fromHex(value.hex);
      if (value.type === SerfType.query) expect(queryFields(bytes)).toEqual(expectedQuery(value));
      if (value.type === SerfType.queryResponse) expect(responseFields(bytes)).toEqual(expectedResponse(value));
      if (value.type === SerfType.userEvent) {
        const event = reading(bytes, readUserEvent);
        expect([event.lTime, event.name, event.coalesce]).toEqual([
          value.body?.LTime,
          value.body?.Name,
          value.body?.CC,
        ]);
        expect(hexOrNull(event.payload)).toBe(value.body?.Payload === null ? null : rawHex(value.body?.Payload));
      }
      if (value.type === SerfType.join)
        expect(readsLike(reading(bytes, readJoin), value, ["lTime", "node"])).toBe(true);
      if (value.type === SerfType.leave) {
        expect(readsLike(reading(bytes, readLeave), value, ["lTime", "node", "prune"])).toBe(true);
      }
    }
  });

  it("have states that read and survive our shorter form", () => {
    const states = messages.filter((found) => found.value.type === SerfType.pushPull);
    expect(states.length).toBeGreaterThan(5);
    let slots = 0;
    for (const { value } of states) {
      const bytes = fromHex(value.hex);
      const state = reading(bytes, (reader) => readState(reader, limits));
      expect(state.lTime).toBe(value.body?.LTime);
      expect(state.eventLTime).toBe(value.body?.EventLTime);
      expect(state.queryLTime).toBe(value.body?.QueryLTime);
      expect(Object.fromEntries(state.statusLTimes)).toEqual(value.body?.StatusLTimes);
      expect(state.leftMembers).toEqual(value.body?.LeftMembers);
      expect(plainSlots(state)).toEqual(expectedSlots(value));
      slots += state.events.length;
      const again = encodeState(state);
      expect(again.length).toBeLessThan(bytes.length);
      expect(reading(again, (reader) => readState(reader, limits))).toEqual(state);
    }
    expect(slots).toBeGreaterThan(0);
  });

  it("have conflict responses that read and survive", () => {
    const records = messages.filter((found) => found.value.type === SerfType.conflictResponse);
    expect(records.length).toBeGreaterThan(0);
    for (const { value } of records) {
      const record = reading(fromHex(value.hex), readMemberRecord)!;
      expect(record.tags).toEqual(value.body?.Tags);
      expect(record.status).toBe(value.body?.Status);
      // One tag at most in each: even the free map has only one order.
      expect(toHex(encodeMemberRecord(record))).toBe(value.hex);
    }
  });
});

describe("messages", () => {
  const name = fc.string({ unit: "grapheme", maxLength: 40 });
  const lTime = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const blob = fc.option(fc.uint8Array({ maxLength: 300 }));

  it("survive the round trip", () => {
    const state = fc.record<SerfState>({
      lTime,
      eventLTime: lTime,
      queryLTime: lTime,
      statusLTimes: fc.array(fc.tuple(name, lTime)).map((entries) => new Map(entries)),
      leftMembers: fc.array(name),
      events: fc.array(
        fc.record({ lTime, events: fc.array(fc.record({ name, payload: blob }), { minLength: 1, maxLength: 3 }) }),
        { maxLength: 5 },
      ),
    });
    fc.assert(
      fc.property(state, (value) => {
        expect(reading(encodeState(value), (reader) => readState(reader, limits))).toEqual(value);
      }),
    );
    const u8 = fc.nat(255);
    const record = fc.record<MemberRecordMessage>({
      name,
      addr: blob,
      port: fc.nat(65535),
      tags: fc.dictionary(name, name),
      status: fc.nat(4),
      protocolMin: u8,
      protocolMax: u8,
      protocolCur: u8,
      delegateMin: u8,
      delegateMax: u8,
      delegateCur: u8,
    });
    fc.assert(
      fc.property(fc.option(record), (value) => {
        const again = reading(encodeMemberRecord(value), readMemberRecord);
        expect(again && { ...again, tags: { ...again.tags } }).toEqual(value && { ...value, tags: { ...value.tags } });
      }),
    );
  });

  it("of queries and their answers survive the round trip", () => {
    const u32 = fc.nat(0xffff_ffff);
    const port = fc.nat(65535);
    const query = fc.record<Query>({
      lTime,
      id: u32,
      addr: blob,
      port,
      sourceNode: name,
      filters: fc.option(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })),
      flags: u32,
      relayFactor: fc.nat(255),
      timeoutNs: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
      name,
      payload: blob,
    });
    const response = fc.record<QueryResponse>({ lTime, id: u32, from: name, flags: u32, payload: blob });
    const event = fc.record<UserEvent>({ lTime, name, payload: blob, coalesce: fc.boolean() });
    const message = fc.uint8Array({ maxLength: 300 });
    const relay = fc.record<Relay>({ addr: blob, port, zone: name, destName: name, message });
    fc.assert(
      fc.property(query, response, event, relay, (asked, answered, said, wrapped) => {
        expect(reading(encodeQuery(asked), readQuery)).toEqual(asked);
        expect(reading(encodeQueryResponse(answered), readQueryResponse)).toEqual(answered);
        expect(reading(encodeUserEvent(said), readUserEvent)).toEqual(said);
        expect(reading(encodeRelay(wrapped), readRelay)).toEqual(wrapped);
      }),
    );
  });

  it("never make a reader throw, whatever the bytes", () => {
    const samples = messages.map((found) => fromHex(found.value.hex));
    const mutated = fc
      .tuple(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(),
      )
      .map(([sample, changes, cut]) => {
        const bytes = sample.slice(0, 1 + (cut % sample.length));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    const readers = [
      readLeave,
      readJoin,
      (reader: Reader) => readState(reader, limits),
      readUserEvent,
      readQuery,
      readQueryResponse,
      readRelay,
      readMemberRecord,
    ];
    fc.assert(
      fc.property(mutated, (bytes) => {
        for (const read of readers) read(new Reader(bytes, 1));
      }),
      { numRuns: 3000 },
    );
  });

  it("read times beyond 2^53 as more than any clock accepts", () => {
    const bytes = fromHex("0182a54c54696d65cfffffffffffffffffa44e6f6465a26e31");
    expect(reading(bytes, readJoin).lTime).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  it("keep no more of a state than the limits allow", () => {
    const statusLTimes = new Map(Array.from({ length: 50 }, (_, i) => [`n${i}`, i] as const));
    const events = [{ lTime: 1, events: Array.from({ length: 20 }, () => ({ name: "e", payload: null })) }];
    const state = {
      lTime: 1,
      eventLTime: 1,
      queryLTime: 1,
      statusLTimes,
      leftMembers: [...statusLTimes.keys()],
      events,
    };
    const small = reading(encodeState(state), (reader) => readState(reader, { maxNames: 10, maxEvents: 5 }));
    expect(small.statusLTimes.size).toBe(10);
    expect(small.leftMembers).toHaveLength(10);
    expect(small.events[0]?.events).toHaveLength(5);
  });

  it("skip a name that is not UTF-8 without losing the rest of a state", () => {
    // {StatusLTimes: {<ff>: 1, "a": 2}}
    const bytes = fromHex("0281ac5374617475734c54696d657382a1ff01a16102");
    expect([...reading(bytes, (reader) => readState(reader, limits)).statusLTimes]).toEqual([["a", 2]]);
  });

  it("read an empty state and one with nils", () => {
    expect(reading(fromHex("0280"), (reader) => readState(reader, limits)).statusLTimes.size).toBe(0);
    const nils = fromHex("0283a64576656e7473c0ab4c6566744d656d62657273c0ac5374617475734c54696d6573c0");
    expect(reading(nils, (reader) => readState(reader, limits)).events).toEqual([]);
  });
});

function readsLike(intent: object, layer: SerfLayer, fields: readonly string[]): boolean {
  const wire: Record<string, string> = { lTime: "LTime", node: "Node", prune: "Prune" };
  return fields.every((field) => (intent as Record<string, unknown>)[field] === layer.body?.[wire[field]!]);
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : toHex(bytes);
}

function queryFields(bytes: Uint8Array): unknown[] {
  const q = reading(bytes, readQuery);
  const filters = q.filters?.map(toHex) ?? null;
  return [
    q.lTime,
    q.id,
    hexOrNull(q.addr),
    q.port,
    q.sourceNode,
    filters,
    q.flags,
    q.relayFactor,
    q.timeoutNs,
    q.name,
    hexOrNull(q.payload),
  ];
}

function expectedQuery(layer: SerfLayer): unknown[] {
  const b = layer.body!;
  const filters = b.Filters === null ? null : (b.Filters as unknown[]).map(rawHex);
  const payload = b.Payload === null ? null : rawHex(b.Payload);
  return [
    b.LTime,
    b.ID,
    rawHex(b.Addr),
    b.Port,
    b.SourceNode,
    filters,
    b.Flags,
    b.RelayFactor,
    b.Timeout,
    b.Name,
    payload,
  ];
}

function responseFields(bytes: Uint8Array): unknown[] {
  const r = reading(bytes, readQueryResponse);
  return [r.lTime, r.id, r.from, r.flags, hexOrNull(r.payload)];
}

function expectedResponse(layer: SerfLayer): unknown[] {
  const b = layer.body!;
  return [b.LTime, b.ID, b.From, b.Flags, b.Payload === null ? null : rawHex(b.Payload)];
}

function plainSlots(state: SerfState): unknown[] {
  return state.events.map((slot) => [slot.lTime, slot.events.map((event) => [event.name, hexOrNull(event.payload)])]);
}

function expectedSlots(layer: SerfLayer): unknown[] {
  const slots = layer.body!.Events as { LTime?: number; Events?: { Name: string; Payload: unknown }[] }[];
  return slots
    .filter((slot) => slot?.Events)
    .map((slot) => [
      slot.LTime,
      slot.Events!.map((event) => [event.Name, event.Payload === null ? null : rawHex(event.Payload)]),
    ]);
}
