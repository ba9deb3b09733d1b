/** User events passing through: judged once, delivered, and passed on unchanged (serf protocol notes, section 8). */
import { Reader } from "@hearsay/wire";
import { readUserEvent } from "./decode.ts";
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

export class UserEvents {
  readonly clock = new LamportClock();
  readonly buffer: EventBuffer;
  readonly #listener: UserEventListener;

  constructor(size: number, maxBytes: number, listener: UserEventListener) {
    this.buffer = new EventBuffer(size, maxBytes);
    this.#listener = listener;
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
    for (const slot of slots) {
      for (const event of slot.events) this.#take(slot.lTime, event.name, event.payload, false, now);
    }
  }

  #take(
    lTime: number,
    name: string,
    payload: Uint8Array | null,
    coalesce: boolean,
    now: number,
  ): EventVerdict | "ltime" {
    if (!this.clock.witness(lTime, now)) {
      this.#listener.onDrop("serf-ltime");
      return "ltime";
    }
    const verdict = this.buffer.add(lTime, name, payload, this.clock.time);
    if (verdict === "new") this.#listener.onUserEvent({ type: "user-event", name, payload, lTime, coalesce });
    else if (verdict === "buffer-full") this.#listener.onDrop("serf-buffer-full");
    return verdict;
  }
}
