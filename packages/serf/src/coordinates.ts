/** The places of this node and of those it has probed: what acks carry, and what is learnt from them. */
import type { MemberView, Rng } from "@hearsay/core";
import { type Coordinate, decodeCoordinate, encodeCoordinate } from "./coordinate.ts";
import { Vivaldi } from "./vivaldi.ts";

export class Coordinates {
  readonly #self: string;
  readonly #vivaldi: Vivaldi;
  /** As each last told us; of members only, so as many as there are. */
  readonly #peers = new Map<string, Coordinate>();
  #payload: Uint8Array | undefined;

  constructor(self: string, rng: Rng) {
    this.#self = self;
    this.#vivaldi = new Vivaldi(rng);
  }

  get own(): Coordinate {
    return this.#vivaldi.place;
  }

  get resets(): number {
    return this.#vivaldi.resets;
  }

  of(name: string): Coordinate | undefined {
    return name === this.#self ? this.own : this.#peers.get(name);
  }

  /** Our place for an ack. Shared: not to be changed. */
  payload(): Uint8Array {
    this.#payload ??= encodeCoordinate(this.own);
    return this.#payload;
  }

  /**
   * A probe was answered directly. "refused": what came is no place that can be, or took an impossible time; what was known
   * stays. "none": the peer does not tell its place.
   */
  onPong(member: MemberView, rttMs: number, payload: Uint8Array | null): "taken" | "refused" | "none" {
    if (payload === null || payload.length === 0) return "none";
    const place = decodeCoordinate(payload);
    if (!place || !this.#vivaldi.update(member.name, place, rttMs / 1000)) return "refused";
    this.#peers.set(member.name, place);
    this.#payload = undefined;
    return "taken";
  }

  forget(name: string): void {
    this.#peers.delete(name);
    this.#vivaldi.forget(name);
  }
}
