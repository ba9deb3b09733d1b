export type { Codec, DropReason, PacketSink, StreamError, StreamReader, Transmit } from "./codec.ts";
export { lanConfig, localConfig, type ProfileName, profiles, type SwimConfig, wanConfig } from "./config.ts";
export { addressBytes, addressText, type Endpoint, formatEndpoint } from "./endpoint.ts";
export type { Evidence, EvidenceType } from "./evidence.ts";
export type { Machine, StreamFailure, StreamReply, StreamRequest } from "./machine.ts";
export * from "./messages.ts";
