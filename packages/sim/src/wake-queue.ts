/**
 * When each machine wants to be woken: one time per node, in a heap that knows where everyone stands, so that a changed
 * mind is a move and not one more entry. Equal times go by order of asking.
 */
export class WakeQueue {
  #times = new Float64Array(64);
  #serials = new Float64Array(64);
  /** Node number at each place of the heap. */
  #heap = new Int32Array(64);
  /** Place of each node in the heap, or -1. */
  #places = new Int32Array(64).fill(-1);
  #length = 0;

  /** World ms of the earliest; Infinity when nobody wants to wake. */
  get time(): number {
    return this.#length > 0 ? this.#times[this.#heap[0]!]! : Number.POSITIVE_INFINITY;
  }

  get serial(): number {
    return this.#length > 0 ? this.#serials[this.#heap[0]!]! : Number.POSITIVE_INFINITY;
  }

  /** Number of the node that is to wake first. Only when `time` is finite. */
  get node(): number {
    return this.#heap[0]!;
  }

  timeOf(node: number): number {
    return node < this.#places.length && this.#places[node]! >= 0 ? this.#times[node]! : Number.POSITIVE_INFINITY;
  }

  /** Infinity: not at all. */
  set(node: number, time: number, serial: number): void {
    this.#reserve(node + 1);
    let place = this.#places[node]!;
    if (time === Number.POSITIVE_INFINITY) {
      if (place >= 0) this.#remove(place);
      return;
    }
    this.#times[node] = time;
    this.#serials[node] = serial;
    if (place < 0) {
      place = this.#length++;
      this.#place(place, node);
    }
    this.#up(place);
    this.#down(this.#places[node]!);
  }

  #remove(place: number): void {
    const node = this.#heap[place]!;
    const last = this.#heap[--this.#length]!;
    this.#places[node] = -1;
    if (last === node) return;
    this.#place(place, last);
    this.#up(place);
    this.#down(this.#places[last]!);
  }

  #place(place: number, node: number): void {
    this.#heap[place] = node;
    this.#places[node] = place;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && this.#serials[a]! < this.#serials[b]!);
  }

  #up(start: number): void {
    const node = this.#heap[start]!;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent]!;
      if (!this.#before(node, above)) break;
      this.#place(at, above);
      at = parent;
    }
    this.#place(at, node);
  }

  #down(start: number): void {
    const node = this.#heap[start]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const below = this.#heap[child]!;
      if (!this.#before(below, node)) break;
      this.#place(at, below);
      at = child;
    }
    this.#place(at, node);
  }

  #reserve(size: number): void {
    if (size <= this.#places.length) return;
    let capacity = this.#places.length;
    while (capacity < size) capacity *= 2;
    const places = new Int32Array(capacity).fill(-1);
    places.set(this.#places);
    const heap = new Int32Array(capacity);
    heap.set(this.#heap);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    const serials = new Float64Array(capacity);
    serials.set(this.#serials);
    this.#places = places;
    this.#heap = heap;
    this.#times = times;
    this.#serials = serials;
  }
}
