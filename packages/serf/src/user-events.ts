/** User events passing through: judged once, delivered, and passed on unchanged (serf protocol notes, section 8). */
import { encodeUtf8, Reader } from "@hearsay/wire";
import { readUserEvent } from "./decode.ts";
import { encodeUserEvent } from "./encode.ts";
import { SerfError } from "./errors.ts";
import { EventBuffer, type EventVerdict } from "./event-buffer.ts";
import { LamportClock } from "./lamport.ts";
import type { EventSlot } from "./messages.ts";
import type { SerfDropReason, SerfUserEvent } from "./types.ts";

export interface UserEventListener {
  onUserEvent(event: SerfUserEvent): void;
  /** To be gossiped as it is. */
  passOn(message: Uint8Array): void;
  onDrop(reason: SerfDropReason): void;
}

/** What no setting can exceed: bytes (section 8.1). */
export const maxUserEventBytes = 9216;

export class UserEvents {
  readonly clock = new LamportClock();
  readonly buffer: EventBuffer;
  readonly #listener: UserEventListener;

  constructor(size: number, maxBytes: number, listener: UserEventListener) {
    this.buffer = new EventBuffer(size, maxBytes);
    this.#listener = listener;
  }

  /**
   * Tells everybody, ourselves first. Returns the event's Lamport time; the clock moves only for what is sent.
   * @param limit largest encoded event by the settings: bytes
   * @param packetLimit largest message that a packet can carry: bytes. Serf takes longer ones, and never gossips them.
   * Throws SerfError "event-too-long".
   */
  originate(
    name: string,
    payload: Uint8Array | null,
    coalesce: boolean,
    limits: { readonly limit: number; readonly packetLimit: number },
    now: number,
  ): number {
    const { limit, packetLimit } = limits;
    const raw = encodeUtf8(name).length + (payload?.length ?? 0);
    const tooLong = (message: string) => new SerfError("event-too-long", message);
    if (raw > limit) throw tooLong(`user event exceeds configured limit of ${limit} bytes before encoding`);
    if (raw > maxUserEventBytes)
      throw tooLong(`user event exceeds sane limit of ${maxUserEventBytes} bytes before encoding`);
    const lTime = this.clock.time;
    const message = encodeUserEvent({ lTime, name, payload, coalesce });
    if (message.length > limit)
      throw tooLong(`encoded user event exceeds configured limit of ${limit} bytes after encoding`);
    if (message.length > maxUserEventBytes)
      throw tooLong(`encoded user event exceeds reasonable limit of ${maxUserEventBytes} bytes after encoding`);
    if (message.length > packetLimit)
      throw tooLong(`encoded user event of ${message.length} bytes fits no packet: ${packetLimit} is the most`);
    this.clock.increment();
    this.#take(lTime, name, payload === null ? null : payload.slice(), coalesce, now);
    this.#listener.passOn(message);
    return lTime;
  }

  /** A gossiped event, type byte first. `message` is kept. */
  handleMessage(message: Uint8Array, now: number): void {
    const reader = new Reader(message, 1);
    const event = readUserEvent(reader);
    if (!reader.ok) {
      this.#listener.onDrop("serf-malformed");
      return;
    }
    const verdict = this.#take(event.lTime, event.name, event.payload, event.coalesce, now);
    if (verdict === "new") this.#listener.passOn(message);
    else if (verdict === "too-old") this.#listener.onDrop("serf-too-old");
  }

  /**
   * What a peer has in its buffer. Not passed on: everybody gets it by exchange. The coalesce flag is lost on the way. Old
   * times are nothing unusual here: the peer's buffer may reach back further.
   */
  mergeSlots(slots: readonly EventSlot[], now: number): void {
    // In order of time, which a peer's ring is not once it has wrapped: Serf's replay is out of order then.
    for (const slot of [...slots].sort((a, b) => a.lTime - b.lTime)) {
      for (const event of slot.events) this.#take(slot.lTime, event.name, event.payload, false, now);
    }
  }

  #take(
    lTime: number,
    name: string,
    payload: Uint8Array | null,
    coalesce: boolean,
    now: number,
  ): EventVerdict | "ltime" | "too-long" {
    // Nobody can send such a one, however Serf is configured.
    if (name.length + (payload?.length ?? 0) > maxUserEventBytes) {
      this.#listener.onDrop("serf-too-long");
      return "too-long";
    }
    if (!this.clock.witness(lTime, now)) {
      this.#listener.onDrop("serf-ltime");
      return "ltime";
    }
    const verdict = this.buffer.add(lTime, name, payload, this.clock.time);
    if (verdict === "new") {
      // A copy: the buffer, and what is passed on, must not change under whoever is told.
      const told = payload?.slice() ?? null;
      this.#listener.onUserEvent({ type: "user-event", name, payload: told, lTime, coalesce });
    } else if (verdict === "buffer-full") this.#listener.onDrop("serf-buffer-full");
    return verdict;
  }
}
