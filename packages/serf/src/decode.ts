/**
 * Bytes to Serf messages. Each function reads the value behind the type byte and returns it; ask the reader's `failure`
 * before believing it. Byte fields are views of the input unless it says otherwise.
 */
import { type Reader, readUtf8 } from "@hearsay/wire";
import {
  type EventSlot,
  type JoinIntent,
  type LeaveIntent,
  type MemberRecordMessage,
  maxFilters,
  type Query,
  type QueryResponse,
  type Relay,
  type SerfState,
  type UserEvent,
} from "./messages.ts";
import { readTags } from "./tags.ts";

const noBytes = new Uint8Array(0);
const u32 = 0xffff_ffff;
const u16 = 0xffff;
const u8 = 0xff;

// Declaration order, for peers that write a structure as an array.
const leaveFields = ["LTime", "Node", "Prune"] as const;
const joinFields = ["LTime", "Node"] as const;
const stateFields = ["LTime", "StatusLTimes", "LeftMembers", "EventLTime", "Events", "QueryLTime"] as const;
const slotFields = ["LTime", "Events"] as const;
const slotEventFields = ["Name", "Payload"] as const;
const eventFields = ["LTime", "Name", "Payload", "CC"] as const;
const queryFields = [
  "LTime",
  "ID",
  "Addr",
  "Port",
  "SourceNode",
  "Filters",
  "Flags",
  "RelayFactor",
  "Timeout",
  "Name",
  "Payload",
] as const;
const responseFields = ["LTime", "ID", "From", "Flags", "Payload"] as const;
const relayFields = ["DestAddr", "DestName"] as const;
const addressFields = ["IP", "Port", "Zone"] as const;
const recordFields = [
  "Name",
  "Addr",
  "Port",
  "Tags",
  "Status",
  "ProtocolMin",
  "ProtocolMax",
  "ProtocolCur",
  "DelegateMin",
  "DelegateMax",
  "DelegateCur",
] as const;

export function readLeave(reader: Reader): LeaveIntent {
  const intent: LeaveIntent = { lTime: 0, node: "", prune: false };
  reader.struct(leaveFields, (field) => {
    if (field === 0) intent.lTime = readLTime(reader);
    else if (field === 1) intent.node = reader.text();
    else intent.prune = reader.bool();
  });
  return intent;
}

export function readJoin(reader: Reader): JoinIntent {
  const intent: JoinIntent = { lTime: 0, node: "" };
  reader.struct(joinFields, (field) => {
    if (field === 0) intent.lTime = readLTime(reader);
    else intent.node = reader.text();
  });
  return intent;
}

/** How much of a state is kept; a peer that sends more is not sound, and the surplus is passed over. */
export interface StateLimits {
  readonly maxNames: number;
  readonly maxEvents: number;
}

/** Byte fields are copies: events are kept. */
export function readState(reader: Reader, limits: StateLimits): SerfState {
  const state: SerfState = {
    lTime: 0,
    eventLTime: 0,
    queryLTime: 0,
    statusLTimes: new Map(),
    leftMembers: [],
    events: [],
  };
  reader.struct(stateFields, (field) => {
    if (field === 0) state.lTime = readLTime(reader);
    else if (field === 1) readStatusLTimes(reader, state.statusLTimes, limits.maxNames);
    else if (field === 2) readNames(reader, state.leftMembers, limits.maxNames);
    else if (field === 3) state.eventLTime = readLTime(reader);
    else if (field === 4) readSlots(reader, state.events, limits.maxEvents);
    else state.queryLTime = readLTime(reader);
  });
  return state;
}

export function readUserEvent(reader: Reader): UserEvent {
  const event: UserEvent = { lTime: 0, name: "", payload: null, coalesce: false };
  reader.struct(eventFields, (field) => {
    if (field === 0) event.lTime = readLTime(reader);
    else if (field === 1) event.name = reader.text();
    else if (field === 2) event.payload = reader.blobView();
    else event.coalesce = reader.bool();
  });
  return event;
}

export function readQuery(reader: Reader): Query {
  const query: Query = {
    lTime: 0,
    id: 0,
    addr: null,
    port: 0,
    sourceNode: "",
    filters: null,
    flags: 0,
    relayFactor: 0,
    timeoutNs: 0,
    name: "",
    payload: null,
  };
  reader.struct(queryFields, (field) => {
    switch (field) {
      case 0:
        query.lTime = readLTime(reader);
        break;
      case 1:
        query.id = reader.uint(u32);
        break;
      case 2:
        query.addr = reader.blobView();
        break;
      case 3:
        query.port = reader.uint(u16);
        break;
      case 4:
        query.sourceNode = reader.text();
        break;
      case 5:
        query.filters = readFilters(reader);
        break;
      case 6:
        query.flags = reader.uint(u32);
        break;
      case 7:
        query.relayFactor = reader.uint(u8);
        break;
      case 8:
        query.timeoutNs = Number(reader.i64());
        break;
      case 9:
        query.name = reader.text();
        break;
      default:
        query.payload = reader.blobView();
    }
  });
  return query;
}

export function readQueryResponse(reader: Reader): QueryResponse {
  const response: QueryResponse = { lTime: 0, id: 0, from: "", flags: 0, payload: null };
  reader.struct(responseFields, (field) => {
    if (field === 0) response.lTime = readLTime(reader);
    else if (field === 1) response.id = reader.uint(u32);
    else if (field === 2) response.from = reader.text();
    else if (field === 3) response.flags = reader.uint(u32);
    else response.payload = reader.blobView();
  });
  return response;
}

/** Reads to the end: the wrapped message is whatever follows the header. */
export function readRelay(reader: Reader): Relay {
  const relay: Relay = { addr: null, port: 0, zone: "", destName: "", message: new Uint8Array(0) };
  reader.struct(relayFields, (field) => {
    if (field === 1) {
      relay.destName = reader.text();
      return;
    }
    reader.struct(addressFields, (part) => {
      if (part === 0) relay.addr = reader.blobView();
      else if (part === 1) relay.port = reader.uint(u16);
      else relay.zone = reader.textLossy();
    });
  });
  relay.message = reader.bytes.subarray(reader.offset, reader.end);
  return relay;
}

/** Null when the responder does not know the member. */
export function readMemberRecord(reader: Reader): MemberRecordMessage | null {
  if (reader.tryNil()) return null;
  const record: MemberRecordMessage = {
    name: "",
    addr: null,
    port: 0,
    tags: {},
    status: 0,
    protocolMin: 0,
    protocolMax: 0,
    protocolCur: 0,
    delegateMin: 0,
    delegateMax: 0,
    delegateCur: 0,
  };
  reader.struct(recordFields, (field) => {
    switch (field) {
      case 0:
        record.name = reader.text();
        break;
      case 1:
        record.addr = reader.blobView();
        break;
      case 2:
        record.port = reader.uint(u16);
        break;
      case 3:
        record.tags = readTags(reader);
        break;
      case 4:
        record.status = reader.int(0, 0x7fff_ffff);
        break;
      case 5:
        record.protocolMin = reader.uint(u8);
        break;
      case 6:
        record.protocolMax = reader.uint(u8);
        break;
      case 7:
        record.protocolCur = reader.uint(u8);
        break;
      case 8:
        record.delegateMin = reader.uint(u8);
        break;
      case 9:
        record.delegateMax = reader.uint(u8);
        break;
      default:
        record.delegateCur = reader.uint(u8);
    }
  });
  return record;
}

/** A Lamport time. One that is not exact as a number comes out above every time a clock accepts. */
function readLTime(reader: Reader): number {
  return Number(reader.u64());
}

function readStatusLTimes(reader: Reader, into: Map<string, number>, limit: number): void {
  const count = reader.map();
  for (let i = 0; i < count && reader.ok; i++) {
    const name = readName(reader);
    const lTime = readLTime(reader);
    if (reader.ok && name !== undefined && into.size < limit) into.set(name, lTime);
  }
}

function readNames(reader: Reader, into: string[], limit: number): void {
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) {
    const name = readName(reader);
    if (reader.ok && name !== undefined && into.length < limit) into.push(name);
  }
}

/** A name, or undefined when it is not UTF-8: one such member must not cost us the state of all others. */
function readName(reader: Reader): string | undefined {
  const bytes = reader.blobView();
  return bytes === null ? "" : readUtf8(bytes, 0, bytes.length);
}

function readSlots(reader: Reader, into: EventSlot[], limit: number): void {
  let kept = 0;
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) {
    if (reader.tryNil()) continue;
    const slot: EventSlot = { lTime: 0, events: [] };
    reader.struct(slotFields, (field) => {
      if (field === 0) {
        slot.lTime = readLTime(reader);
        return;
      }
      const events = reader.array();
      for (let j = 0; j < events && reader.ok; j++) {
        const event = { name: "", payload: null as Uint8Array | null };
        reader.struct(slotEventFields, (part) => {
          if (part === 0) event.name = reader.text();
          else event.payload = reader.blobCopy();
        });
        if (kept++ < limit) slot.events.push(event);
      }
    });
    if (slot.events.length > 0) into.push(slot);
  }
}

function readFilters(reader: Reader): Uint8Array[] | null {
  const count = reader.array();
  if (count < 0) return null;
  const filters: Uint8Array[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    const filter = reader.blobView() ?? noBytes;
    if (filters.length <= maxFilters) filters.push(filter);
  }
  return filters;
}
