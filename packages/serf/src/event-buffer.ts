/**
 * The user events of the latest Lamport times: told apart from repetitions by it, and passed to newcomers with the state
 * (serf protocol notes, section 8.2). A ring: time t lives in slot t mod size, until t + size comes.
 *
 * Bounded in bytes as well, unlike Serf's, since the whole of it goes into every state exchange.
 */
import { equalBytes } from "@hearsay/core";
import { eventHash } from "./event-hash.ts";
import type { EventSlot } from "./messages.ts";

/** "new": to be delivered and passed on. "past": from before we came. Others are not fit to be kept. */
export type EventVerdict = "new" | "duplicate" | "past" | "too-old" | "buffer-full";

/** Many nodes may use one time at once, but not without end. */
const maxEventsPerTime = 512;

export class EventBuffer {
  readonly #slots: (EventSlot | undefined)[];
  readonly #maxBytes: number;
  #bytes = 0;
  #length = 0;
  /** The latest time that had to go for want of bytes: what was there up to then is not remembered. */
  #forgottenTime = 0;
  /** Seen in an earlier life, by time. Apart from the slots: of these the payload is gone, and nobody can be told them. */
  #seenBefore: ReadonlyMap<number, ReadonlySet<string>> | undefined;
  /** The latest of their times. */
  #seenBeforeUpTo = 0;
  /** Events below this time are not wanted: they happened before we came (8.3). */
  minTime = 0;

  constructor(size: number, maxBytes: number) {
    this.#slots = new Array<EventSlot | undefined>(size).fill(undefined);
    this.#maxBytes = maxBytes;
  }

  /** Events held. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of their names and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What was seen in an earlier life, as `SeenEvents` has it, counts as a repetition from now on. Kept, not copied. */
  restore(seen: ReadonlyMap<number, ReadonlySet<string>>): void {
    this.#seenBeforeUpTo = 0;
    for (const lTime of seen.keys()) if (lTime > this.#seenBeforeUpTo) this.#seenBeforeUpTo = lTime;
    this.#seenBefore = seen;
  }

  /** The lowest time of which events are still taken, `clockTime` being the event clock. */
  openFrom(clockTime: number): number {
    return Math.max(this.minTime, clockTime - this.#slots.length, 0);
  }

  /**
   * Judges an event and remembers it if it is new. `clockTime` is the event clock after witnessing it; `payload` is
   * kept, not copied.
   */
  add(lTime: number, name: string, payload: Uint8Array | null, clockTime: number): EventVerdict {
    const size = this.#slots.length;
    if (lTime < this.minTime) return "past";
    if (clockTime > size && lTime < clockTime - size) return "too-old";
    const index = lTime % size;
    let slot = this.#slots[index];
    if (slot && slot.lTime !== lTime) {
      // A slot never goes back: within the window only a later time can share it.
      if (slot.lTime > lTime) return "too-old";
      this.#drop(index);
      slot = undefined;
    }
    if (this.#wasSeenBefore(lTime, name, payload, clockTime)) return "duplicate";
    if (slot?.events.some((event) => event.name === name && samePayload(event.payload, payload))) return "duplicate";
    // It may have been told: a peer that has more room says it again with each exchange.
    if (!slot && lTime <= this.#forgottenTime) return "too-old";
    const bytes = eventBytes(name, payload);
    if (bytes > this.#maxBytes || (slot && slot.events.length >= maxEventsPerTime)) return "buffer-full";
    if (slot) slot.events.push({ name, payload });
    else this.#slots[index] = { lTime, events: [{ name, payload }] };
    this.#bytes += bytes;
    this.#length++;
    while (this.#bytes > this.#maxBytes) if (!this.#dropOldest(lTime)) break;
    return "new";
  }

  /** What is held, oldest time first. Borrowed: not to be changed. */
  slots(): EventSlot[] {
    return this.#slots.filter((slot) => slot !== undefined).sort((a, b) => a.lTime - b.lTime);
  }

  #wasSeenBefore(lTime: number, name: string, payload: Uint8Array | null, clockTime: number): boolean {
    // Once all of it is too old to be asked for, it goes.
    if (this.#seenBefore && clockTime - this.#slots.length > this.#seenBeforeUpTo) this.#seenBefore = undefined;
    const hashes = this.#seenBefore?.get(lTime);
    return hashes?.has(eventHash(name, payload)) ?? false;
  }

  #dropOldest(except: number): boolean {
    let oldest = -1;
    for (const [i, slot] of this.#slots.entries()) {
      if (slot && slot.lTime !== except && (oldest < 0 || slot.lTime < this.#slots[oldest]!.lTime)) oldest = i;
    }
    if (oldest >= 0) {
      this.#forgottenTime = Math.max(this.#forgottenTime, this.#slots[oldest]!.lTime);
      this.#drop(oldest);
    }
    return oldest >= 0;
  }

  #drop(index: number): void {
    for (const event of this.#slots[index]!.events) {
      this.#bytes -= eventBytes(event.name, event.payload);
      this.#length--;
    }
    this.#slots[index] = undefined;
  }
}

function eventBytes(name: string, payload: Uint8Array | null): number {
  return name.length + (payload?.length ?? 0);
}

/** An absent payload and an empty one are the same event: Go does not tell them apart either. */
function samePayload(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return (a?.length ?? 0) === (b?.length ?? 0);
  return equalBytes(a, b);
}
