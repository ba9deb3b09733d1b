/** The places of this node and of those it has probed: what acks carry, and what is learnt from them. */
import type { Rng } from "@hearsay/core";
import type { Coordinate } from "./coordinate.ts";
import { CoordinateWriter, decodeCoordinate } from "./coordinate-codec.ts";
import { LatencyFilter, Vivaldi } from "./vivaldi.ts";

interface Peer {
  /** As it last told us. */
  place: Coordinate;
  readonly latencies: LatencyFilter;
}

export class Coordinates {
  readonly #self: string;
  readonly #vivaldi: Vivaldi;
  /** Of members only, so as many as there are at most. */
  readonly #peers = new Map<string, Peer>();
  readonly #writer = new CoordinateWriter();
  /** Our place encoded, until it moves. */
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
    return name === this.#self ? this.own : this.#peers.get(name)?.place;
  }

  /** Our place for an ack. Shared: not to be changed, and not changed when the place moves. */
  payload(): Uint8Array {
    this.#payload ??= this.#writer.write(this.own);
    return this.#payload;
  }

  /**
   * A probe was answered directly. "refused": what came is no place that can be, or took an impossible time; what was known
   * stays. "none": the peer does not tell its place.
   */
  onPong(name: string, rttMs: number, payload: Uint8Array | null): "taken" | "refused" | "none" {
    if (payload === null || payload.length === 0) return "none";
    const place = decodeCoordinate(payload);
    if (!place) return "refused";
    const peer = this.#peers.get(name);
    const latencies = peer?.latencies ?? new LatencyFilter();
    if (!this.#vivaldi.update(latencies, place, rttMs / 1000)) return "refused";
    this.#payload = undefined;
    if (peer) peer.place = place;
    else this.#peers.set(name, { place, latencies });
    return "taken";
  }

  /** The member is no more: neither its place nor the times to it are kept. */
  forget(name: string): void {
    this.#peers.delete(name);
  }
}
