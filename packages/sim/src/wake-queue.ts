/**
 * When each machine wants to be woken: one time per node, in a heap that knows where everyone stands, so that a changed
 * mind is a move and not one more entry. Equal times go by order of asking.
 */
/** Children of a place: so many stand side by side in memory, and the heap is half as deep. */
const arity = 4;

export class WakeQueue {
  /** By place in the heap: when, and who. */
  #times = new Float64Array(64);
  #nodes = new Int32Array(64);
  /** By node: its place in the heap, or -1, and when it asked. */
  #places = new Int32Array(64).fill(-1);
  #serials = new Float64Array(64);
  #length = 0;

  /** World ms of the earliest; Infinity when nobody wants to wake. */
  get time(): number {
    return this.#length > 0 ? this.#times[0]! : Number.POSITIVE_INFINITY;
  }

  get serial(): number {
    return this.#length > 0 ? this.#serials[this.#nodes[0]!]! : Number.POSITIVE_INFINITY;
  }

  /** Number of the node that is to wake first. Only when `time` is finite. */
  get node(): number {
    return this.#nodes[0]!;
  }

  timeOf(node: number): number {
    const place = node < this.#places.length ? this.#places[node]! : -1;
    return place >= 0 ? this.#times[place]! : Number.POSITIVE_INFINITY;
  }

  /** Infinity: not at all. */
  set(node: number, time: number, serial: number): void {
    this.#reserve(node + 1);
    const place = this.#places[node]!;
    if (time === Number.POSITIVE_INFINITY) {
      if (place >= 0) this.#remove(place);
      return;
    }
    this.#serials[node] = serial;
    if (place < 0) this.#up(this.#length++, node, time);
    else this.#move(place, node, time);
  }

  #remove(place: number): void {
    this.#places[this.#nodes[place]!] = -1;
    const last = --this.#length;
    if (place < last) this.#move(place, this.#nodes[last]!, this.#times[last]!);
  }

  #move(place: number, node: number, time: number): void {
    if (place > 0 && this.#isBefore(node, time, Math.floor((place - 1) / arity))) this.#up(place, node, time);
    else this.#down(place, node, time);
  }

  #place(at: number, node: number, time: number): void {
    this.#times[at] = time;
    this.#nodes[at] = node;
    this.#places[node] = at;
  }

  #isBefore(node: number, time: number, at: number): boolean {
    const difference = time - this.#times[at]!;
    return difference < 0 || (difference === 0 && this.#serials[node]! < this.#serials[this.#nodes[at]!]!);
  }

  #up(start: number, node: number, time: number): void {
    let at = start;
    while (at > 0) {
      const parent = Math.floor((at - 1) / arity);
      if (!this.#isBefore(node, time, parent)) break;
      this.#place(at, this.#nodes[parent]!, this.#times[parent]!);
      at = parent;
    }
    this.#place(at, node, time);
  }

  #down(start: number, node: number, time: number): void {
    let at = start;
    for (;;) {
      const first = arity * at + 1;
      if (first >= this.#length) break;
      const end = Math.min(first + arity, this.#length);
      let child = first;
      for (let other = first + 1; other < end; other++) {
        if (this.#isBefore(this.#nodes[other]!, this.#times[other]!, child)) child = other;
      }
      if (this.#isBefore(node, time, child)) break;
      this.#place(at, this.#nodes[child]!, this.#times[child]!);
      at = child;
    }
    this.#place(at, node, time);
  }

  #reserve(size: number): void {
    if (size <= this.#places.length) return;
    let capacity = this.#places.length;
    while (capacity < size) capacity *= 2;
    const places = new Int32Array(capacity).fill(-1);
    places.set(this.#places);
    const nodes = new Int32Array(capacity);
    nodes.set(this.#nodes);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    const serials = new Float64Array(capacity);
    serials.set(this.#serials);
    this.#places = places;
    this.#nodes = nodes;
    this.#times = times;
    this.#serials = serials;
  }
}
