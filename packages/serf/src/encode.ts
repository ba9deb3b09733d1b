/**
 * Serf messages to bytes, type byte first: structures as maps with their keys in byte order, text and bytes in the raw
 * family, as every Go release writes and reads them.
 */
import { Writer } from "@hearsay/wire";
import {
  type JoinIntent,
  type LeaveIntent,
  type MemberRecordMessage,
  type Query,
  type QueryResponse,
  type Relay,
  type SerfState,
  SerfType,
  type UserEvent,
} from "./messages.ts";

export function encodeLeave(intent: LeaveIntent): Uint8Array {
  const writer = begin(SerfType.leave).map(3);
  writer.text("LTime").uint(intent.lTime);
  writer.text("Node").text(intent.node);
  writer.text("Prune").bool(intent.prune);
  return writer.finish();
}

export function encodeJoin(intent: JoinIntent): Uint8Array {
  const writer = begin(SerfType.join).map(2);
  writer.text("LTime").uint(intent.lTime);
  writer.text("Node").text(intent.node);
  return writer.finish();
}

/** Events without the empty slots: peers take an array of any length. */
export function encodeState(state: SerfState): Uint8Array {
  const writer = begin(SerfType.pushPull, 64 + 24 * state.statusLTimes.size).map(6);
  writer.text("EventLTime").uint(state.eventLTime);
  writer.text("Events").array(state.events.length);
  for (const slot of state.events) {
    writer.map(2).text("Events").array(slot.events.length);
    for (const event of slot.events) {
      writer.map(2).text("Name").text(event.name).text("Payload").bytes(event.payload);
    }
    writer.text("LTime").uint(slot.lTime);
  }
  writer.text("LTime").uint(state.lTime);
  writer.text("LeftMembers").array(state.leftMembers.length);
  for (const name of state.leftMembers) writer.text(name);
  writer.text("QueryLTime").uint(state.queryLTime);
  writer.text("StatusLTimes").map(state.statusLTimes.size);
  for (const [name, lTime] of state.statusLTimes) writer.text(name).uint(lTime);
  return writer.finish();
}

export function encodeUserEvent(event: UserEvent): Uint8Array {
  const writer = begin(SerfType.userEvent).map(4);
  writer.text("CC").bool(event.coalesce);
  writer.text("LTime").uint(event.lTime);
  writer.text("Name").text(event.name);
  writer.text("Payload").bytes(event.payload);
  return writer.finish();
}

export function encodeQuery(query: Query): Uint8Array {
  const writer = begin(SerfType.query).map(11);
  writer.text("Addr").bytes(query.addr);
  writer.text("Filters");
  if (query.filters === null) writer.nil();
  else {
    writer.array(query.filters.length);
    for (const filter of query.filters) writer.bytes(filter);
  }
  writer.text("Flags").uint(query.flags);
  writer.text("ID").uint(query.id);
  writer.text("LTime").uint(query.lTime);
  writer.text("Name").text(query.name);
  writer.text("Payload").bytes(query.payload);
  writer.text("Port").uint(query.port);
  writer.text("RelayFactor").uint(query.relayFactor);
  writer.text("SourceNode").text(query.sourceNode);
  writer.text("Timeout").int(query.timeoutNs);
  return writer.finish();
}

export function encodeQueryResponse(response: QueryResponse): Uint8Array {
  const writer = begin(SerfType.queryResponse).map(5);
  writer.text("Flags").uint(response.flags);
  writer.text("From").text(response.from);
  writer.text("ID").uint(response.id);
  writer.text("LTime").uint(response.lTime);
  writer.text("Payload").bytes(response.payload);
  return writer.finish();
}

export function encodeRelay(relay: Relay): Uint8Array {
  const writer = begin(SerfType.relay).map(2);
  writer.text("DestAddr").map(3);
  writer.text("IP").bytes(relay.addr);
  writer.text("Port").int(relay.port);
  writer.text("Zone").text(relay.zone);
  writer.text("DestName").text(relay.destName);
  return writer.raw(relay.message).finish();
}

/** `null`: the member is not known here. */
export function encodeMemberRecord(record: MemberRecordMessage | null): Uint8Array {
  const writer = begin(SerfType.conflictResponse);
  if (record === null) return writer.nil().finish();
  writer.map(11);
  writer.text("Addr").bytes(record.addr);
  writer.text("DelegateCur").uint(record.delegateCur);
  writer.text("DelegateMax").uint(record.delegateMax);
  writer.text("DelegateMin").uint(record.delegateMin);
  writer.text("Name").text(record.name);
  writer.text("Port").uint(record.port);
  writer.text("ProtocolCur").uint(record.protocolCur);
  writer.text("ProtocolMax").uint(record.protocolMax);
  writer.text("ProtocolMin").uint(record.protocolMin);
  writer.text("Status").int(record.status);
  writer.text("Tags").value(record.tags);
  return writer.finish();
}

function begin(type: number, initialBytes = 128): Writer {
  return new Writer({ initialBytes }).byte(type);
}
