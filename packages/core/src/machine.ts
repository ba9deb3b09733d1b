/**
 * The outside of every protocol machine: what a driver (sockets, simulator) calls. `Swim` and the Serf machine around
 * it have the same one.
 *
 * The loop: hand in what happened (`handle…`, or a wish), then drain `pollTransmit`, `pollStream` and `pollEvent` until
 * each says there is no more, then wake at `nextDeadline()`. `now` is monotonic milliseconds, never decreasing.
 */

import type { Codec, Transmit } from "./codec.ts";
import type { DropReason } from "./drop-reason.ts";
import type { Endpoint } from "./endpoint.ts";
import type { StreamMessage } from "./messages.ts";
import type { NameTable } from "./names.ts";

/** Where a driver may ask, in a machine's place, whether a packet tells it anything new: `names.hearing`. */
export interface Ears {
  readonly names: NameTable;
  readonly listener: number;
}

/** A TCP exchange the machine wants. The driver dials, writes `streamPayload(id)`, reads one message (unless `reply` is
 *  false), and reports by the same id. */
export interface StreamRequest {
  readonly id: number;
  readonly kind: "push-pull" | "ping" | "user";
  readonly to: Endpoint;
  /** For connecting, and again for writing and reading together; for a ping once, for all of it: ms. */
  readonly timeoutMs: number;
  /** Whether a reply is to be read. */
  readonly reply: boolean;
}

/**
 * Why a stream brought nothing. `refused`: the other end answered the dial with a no (nothing listens there);
 * `connect`: no way there, or the address cannot be dialled; `closed`: hung up on after it was open; `aborted`: we no
 * longer wanted it. Or what was wrong with the bytes.
 */
export type StreamFailure = "refused" | "connect" | "timeout" | "closed" | "aborted" | DropReason;

/** What to do with an accepted stream after its message was handled. */
export interface StreamReply {
  /** To be written before closing; nothing when undefined. */
  readonly bytes: Uint8Array | undefined;
}

export interface Machine<Event> {
  readonly codec: Codec;
  /** For drivers of thousands of machines. Only while the machine is not late may a packet be answered for there. */
  readonly ears?: Ears;
  /** Joins itself as the first member and arms the timers. Once. */
  start(now: number): void;
  /** A datagram. `from` and `bytes` are borrowed for the call. Nothing a peer sends makes it throw. */
  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void;
  /** Fires all that is due. Early, late and repeated calls are harmless. */
  handleTimeout(now: number): void;
  /** The system refused to send to this address: counted, and a direct probe of it moves on to indirect ones. */
  handleSendFailure(to: Endpoint, now: number): void;
  /** The first message of an accepted stream. The reply is encoded before the message takes effect (reference 8.4). */
  handleStreamRequest(from: Endpoint, message: StreamMessage, now: number): StreamReply;
  /** An accepted stream that could not be read: counted; the reply is an err message where one is due (8.2). */
  handleStreamRequestError(from: Endpoint, reason: DropReason, now: number): StreamReply;
  /** The bytes to write on a stream asked for, as of now. Undefined when it is no longer wanted: hang up. */
  streamPayload(id: number, now: number): Uint8Array | undefined;
  handleStreamReply(id: number, message: StreamMessage, now: number): void;
  /** The exchange is over without a reply (also the normal end where none is expected: then `reason` is undefined). */
  handleStreamEnd(id: number, reason: StreamFailure | undefined, now: number): void;
  /** Writes the next packet into `out`; false when there is none. Drain to false. */
  pollTransmit(out: Transmit): boolean;
  /** The next stream to open, or undefined. */
  pollStream(): StreamRequest | undefined;
  /** The next event, in order of happening, or undefined. */
  pollEvent(): Event | undefined;
  /** Monotonic ms of the next thing to do; Infinity when there is nothing. Any call above may change it. */
  nextDeadline(): number;
  /**
   * Until when a driver may put off that wake-up so that several share one: monotonic ms, at least `nextDeadline()`.
   * Waking up is what a node at rest costs; a probe that starts some tens of ms later costs nobody anything.
   */
  latestWake(): number;
  /**
   * The same where no other machine shares a wake-up: until when this one's own packets and timers may be waited for. At
   * least `nextDeadline()`, at most `latestWake()`; where it is left out, nothing is put off.
   */
  latestWakeAlone?(): number;
}
