/**
 * Replicated state as a machine that the world can drive, alone or beside the `Swim` that tells it who is a member. What
 * begins with the state's type byte is the state's, all else is `Swim`'s.
 *
 * An exchange on a stream has three messages: asked, answered, and what the asker then gives. The world's streams have
 * two, so the third goes on a stream of its own, which costs one more connection; the bytes are the same.
 */
import {
  type Codec,
  type DropReason,
  type Endpoint,
  Fifo,
  type KnownPool,
  type Machine,
  type StreamFailure,
  type StreamMessage,
  type StreamReply,
  type StreamRequest,
  type Swim,
  type SwimEvent,
  type Transmit,
} from "@hearsay/core";
import { type ReplicatedState, type StateEvent, stateMessageType } from "@hearsay/state";

/** What a number of a stream is of: the number itself comes after division by how many there are. */
const Kind = { swim: 0, ask: 1, push: 2 } as const;
const kinds = 3;
/** The type of a user message on a stream: what the state's messages travel in. */
const userStreamType = 8;
/** First byte of such a message's contents: to be answered, or the last of an exchange. */
const askMark = 0;
const pushMark = 1;
const pushTimeoutMs = 10_000;

export interface StateMachineOptions {
  readonly codec: Codec;
  readonly state: ReplicatedState;
  /** Who is a member; without it peers stay as they are told by hand. */
  readonly swim?: Swim | undefined;
  /** What the wall clock says at 0 of the world: ms since 1970. */
  readonly wallStartMs: number;
}

export class StateMachine implements Machine<StateEvent> {
  readonly codec: Codec;
  readonly state: ReplicatedState;
  readonly swim: Swim | undefined;
  /** The state's bytes written on streams. */
  streamBytes = 0;
  readonly #wallStartMs: number;
  readonly #asked = new Map<number, Endpoint>();
  readonly #pushes = new Fifo<{ readonly id: number; readonly to: Endpoint; readonly payload: Uint8Array }>();
  readonly #pushing = new Map<number, Uint8Array>();
  #pushId = 0;

  constructor({ codec, state, swim, wallStartMs }: StateMachineOptions) {
    this.codec = codec;
    this.state = state;
    this.swim = swim;
    this.#wallStartMs = wallStartMs;
  }

  /** @param known whom `Swim` knows already */
  start(now: number, known?: KnownPool): void {
    this.state.start(now, this.#wallStartMs + now);
    this.swim?.start(now, known);
    this.#hear(now);
  }

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    if (bytes[0] === stateMessageType) {
      this.state.handlePacket(from, bytes, now);
      return;
    }
    this.swim?.handlePacket(from, bytes, now);
    this.#hear(now);
  }

  handleTimeout(now: number): void {
    if (this.state.nextDeadline() <= now) this.state.handleTimeout(now);
    if (this.swim === undefined || this.swim.nextDeadline() > now) return;
    this.swim.handleTimeout(now);
    this.#hear(now);
  }

  /** The state makes good for lost packets by itself. */
  handleSendFailure(to: Endpoint, now: number): void {
    this.swim?.handleSendFailure(to, now);
    this.#hear(now);
  }

  pollTransmit(out: Transmit): boolean {
    return this.swim?.pollTransmit(out) === true || this.state.pollTransmit(out);
  }

  pollEvent(): StateEvent | undefined {
    return this.state.pollEvent();
  }

  nextDeadline(): number {
    return Math.min(this.state.nextDeadline(), this.swim?.nextDeadline() ?? Number.POSITIVE_INFINITY);
  }

  latestWake(): number {
    return this.nextDeadline();
  }

  // Streams we want

  pollStream(): StreamRequest | undefined {
    return this.#pollSwim() ?? this.#pollAsk() ?? this.#pollPush();
  }

  streamPayload(id: number, now: number): Uint8Array | undefined {
    const own = Math.floor(id / kinds);
    switch (id % kinds) {
      case Kind.swim:
        return this.swim?.streamPayload(own, now);
      case Kind.ask:
        return this.#ask(own);
      default:
        return this.#wrap(pushMark, this.#takePush(own), true);
    }
  }

  handleStreamReply(id: number, message: StreamMessage, now: number): void {
    const own = Math.floor(id / kinds);
    if (id % kinds === Kind.swim) {
      this.swim?.handleStreamReply(own, message, now);
      this.#hear(now);
    } else if (id % kinds === Kind.ask) this.#onAnswer(own, message, now);
  }

  handleStreamEnd(id: number, reason: StreamFailure | undefined, now: number): void {
    const own = Math.floor(id / kinds);
    if (id % kinds === Kind.swim) {
      this.swim?.handleStreamEnd(own, reason, now);
      this.#hear(now);
    } else if (id % kinds === Kind.ask) {
      this.#asked.delete(own);
      this.state.handleStreamEnd(own);
    } else this.#pushing.delete(own);
  }

  // Streams of others

  handleStreamRequest(from: Endpoint, message: StreamMessage, now: number): StreamReply {
    const contents = contentsOf(message);
    if (contents?.mark === askMark) {
      const answer = this.state.handleStreamRequest(from, contents.bytes, now);
      return { bytes: this.#wrap(askMark, answer, false) };
    }
    if (contents?.mark === pushMark) {
      this.state.handleStreamPush(from, contents.bytes, now);
      return { bytes: undefined };
    }
    const reply = this.swim?.handleStreamRequest(from, message, now) ?? { bytes: undefined };
    this.#hear(now);
    return reply;
  }

  handleStreamRequestError(from: Endpoint, reason: DropReason, now: number): StreamReply {
    return this.swim?.handleStreamRequestError(from, reason, now) ?? { bytes: undefined };
  }

  // Within

  #pollSwim(): StreamRequest | undefined {
    const request = this.swim?.pollStream();
    return request && { ...request, id: request.id * kinds + Kind.swim };
  }

  #pollAsk(): StreamRequest | undefined {
    const request = this.state.pollStream();
    if (request === undefined) return undefined;
    this.#asked.set(request.id, request.to);
    return { ...request, id: request.id * kinds + Kind.ask, kind: "user", reply: true };
  }

  #ask(id: number): Uint8Array | undefined {
    const question = this.state.streamPayload(id);
    if (question === undefined) this.#asked.delete(id);
    return this.#wrap(askMark, question, true);
  }

  #pollPush(): StreamRequest | undefined {
    const push = this.#pushes.shift();
    if (push === undefined) return undefined;
    this.#pushing.set(push.id, push.payload);
    const id = push.id * kinds + Kind.push;
    return { id, to: push.to, timeoutMs: pushTimeoutMs, kind: "user", reply: false };
  }

  #takePush(id: number): Uint8Array | undefined {
    const payload = this.#pushing.get(id);
    this.#pushing.delete(id);
    return payload;
  }

  #onAnswer(id: number, message: StreamMessage, now: number): void {
    const to = this.#asked.get(id);
    this.#asked.delete(id);
    const contents = contentsOf(message);
    if (contents === undefined || to === undefined) {
      this.state.handleStreamEnd(id);
      return;
    }
    const payload = this.state.handleStreamReply(id, contents.bytes, now);
    if (payload !== undefined) this.#pushes.push({ id: ++this.#pushId, to, payload });
  }

  #wrap(mark: number, bytes: Uint8Array | undefined, initiator: boolean): Uint8Array | undefined {
    if (bytes === undefined) return undefined;
    const payload = new Uint8Array(1 + bytes.length);
    payload[0] = mark;
    payload.set(bytes, 1);
    const wrapped = this.codec.encodeStream({ type: userStreamType, payload }, initiator);
    this.streamBytes += wrapped.length;
    return wrapped;
  }

  /** What `Swim` has to tell of members, the state is told. */
  #hear(now: number): void {
    if (this.swim === undefined) return;
    for (let event = this.swim.pollEvent(); event !== undefined; event = this.swim.pollEvent()) this.#tell(event, now);
  }

  #tell(event: SwimEvent, now: number): void {
    if (event.type === "member-join" || event.type === "member-update") {
      this.state.setPeer(event.member.name, event.member.endpoint, "alive", now);
    } else if (event.type === "member-leave") {
      this.state.setPeer(event.member.name, event.member.endpoint, "dead", now);
    }
  }
}

/** The state's message in a user message on a stream. */
function contentsOf(message: StreamMessage): { readonly mark: number; readonly bytes: Uint8Array } | undefined {
  if (message.type !== userStreamType || message.payload[1] !== stateMessageType) return undefined;
  return { mark: message.payload[0]!, bytes: message.payload.subarray(1) };
}
