export {
  agentCoalescing,
  type CoalescedKind,
  type CoalescedMembers,
  type CoalesceSettings,
  EventCoalescer,
  MemberCoalescer,
} from "./coalesce.ts";
export { type SerfConfig, serfDefaults } from "./config.ts";
export { type Coordinate, distanceMs } from "./coordinate.ts";
export { SerfError, type SerfErrorCode } from "./errors.ts";
export { eventHash } from "./event-hash.ts";
export { LamportClock, maxLTime, maxLTimeLeap } from "./lamport.ts";
export type { MemberStatus } from "./members.ts";
export { Pattern } from "./pattern.ts";
export { type JoinOptions, Serf } from "./serf.ts";
export { decodeTags, encodeTags, maxTagBytes, type Tags } from "./tags.ts";
export type {
  KeyOperation,
  KeyOperationResult,
  KeyringPort,
  QueryTicket,
  QueryWish,
  RestoredClocks,
  RestoredPast,
  SeenEvents,
  SerfDropReason,
  SerfEvent,
  SerfInspection,
  SerfMember,
  SerfMemberEventType,
  SerfOptions,
  SerfQueryEvent,
  SerfStats,
  SerfUserEvent,
} from "./types.ts";
