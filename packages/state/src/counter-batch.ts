/** Deltas cut to packets: as many packets as there may be, each life from its oldest news on, never with a gap. */
import { lifeBytes, tallyBytes } from "./counter-codec.ts";
import type { LifeDelta } from "./counter-table.ts";

/** Of a message around its lives: bytes. */
const headBytes = 8;

export class DeltaBatch {
  readonly #packetBytes: number;
  readonly #most: number;
  readonly #packets: LifeDelta[][] = [];
  #open: LifeDelta[] = [];
  #room: number;

  constructor(packetBytes: number, most: number) {
    this.#packetBytes = packetBytes;
    this.#most = most;
    this.#room = packetBytes - headBytes;
  }

  get full(): boolean {
    return this.#packets.length >= this.#most;
  }

  /** As much of it as there is room for. */
  add(delta: LifeDelta): void {
    for (let rest: LifeDelta | undefined = delta; rest && !this.full; ) {
      const count = fitting(rest, this.#room);
      if (count > 0) {
        const [part, after] = cut(rest, count);
        this.#open.push(part);
        this.#room -= bytesOf(part);
        rest = after;
      } else if (this.#open.length === 0) return;
      if (rest) this.#close();
    }
  }

  packets(): readonly (readonly LifeDelta[])[] {
    if (this.#open.length > 0 && !this.full) this.#close();
    return this.#packets;
  }

  #close(): void {
    if (this.#open.length > 0) this.#packets.push(this.#open);
    this.#open = [];
    this.#room = this.#packetBytes - headBytes;
  }
}

/** How many of its tallies fit, the oldest first. */
function fitting(delta: LifeDelta, room: number): number {
  let left = room - lifeBytes(delta);
  let count = 0;
  for (const tally of delta.tallies) {
    left -= tallyBytes(tally);
    if (left < 0) break;
    count++;
  }
  return count;
}

function cut(delta: LifeDelta, count: number): [LifeDelta, LifeDelta | undefined] {
  if (count === delta.tallies.length) return [delta, undefined];
  const at = delta.tallies[count - 1]!.version;
  return [
    { ...delta, to: at, tallies: delta.tallies.slice(0, count) },
    { ...delta, from: at, tallies: delta.tallies.slice(count) },
  ];
}

function bytesOf(delta: LifeDelta): number {
  return lifeBytes(delta) + delta.tallies.reduce((sum, tally) => sum + tallyBytes(tally), 0);
}
