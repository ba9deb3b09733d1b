/**
 * Cuts a byte stream into whole MessagePack values, so that a decoder only ever sees complete ones. Not a decoder: it
 * follows lengths and counts, and allocates nothing for what it skips. However the stream is chopped up, the same
 * values come out, and each byte is looked at once.
 */

/** The stream can not be cut any further: nothing after this error can be trusted. */
export class SplitError extends Error {
  override readonly name = "SplitError";
  readonly code: "value-too-large" | "value-too-deep" | "bad-marker";
  constructor(code: SplitError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The deepest value of Serf's RPC (stats, key answers, member lists) has four levels. */
const MAX_DEPTH = 32;

export class ValueSplitter {
  readonly #maxBytes: number;
  #buffer: Uint8Array = new Uint8Array(0);
  /** Bytes `#start … #end` are held; the value begins at `#start` and is understood up to `#scanned`. */
  #start = 0;
  #scanned = 0;
  #end = 0;
  /** Values still wanted at each open level; the bottom entry stands for the value itself. */
  readonly #wanted: number[] = [1];

  /** @param maxBytes the longest single value; a longer one is an error before it is held. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held that do not make a whole value yet, or that were not asked for yet. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Adds bytes; `chunk` is copied. */
  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      // Room is made by moving down where that frees at least half, else by doubling, so each byte moves few times.
      const needed = held + chunk.length;
      const target =
        needed * 2 <= this.#buffer.length
          ? this.#buffer
          : new Uint8Array(Math.max(needed, Math.min(this.#buffer.length * 2, this.#maxBytes + 65_536), 256));
      target.set(this.#buffer.subarray(this.#start, this.#end), 0);
      this.#buffer = target;
      this.#scanned -= this.#start;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole value, or undefined when more bytes are needed. The bytes are a view that is good until the next
   * `push`. Throws SplitError; the splitter is of no use afterwards.
   */
  next(): Uint8Array | undefined {
    const wanted = this.#wanted;
    while (wanted.length > 0) {
      if (!this.#scanOne()) return undefined;
      while (wanted.length > 0 && wanted[wanted.length - 1] === 0) wanted.pop();
    }
    const value = this.#buffer.subarray(this.#start, this.#scanned);
    this.#start = this.#scanned;
    wanted.push(1);
    return value;
  }

  /** Takes one marker, with its payload if it is a scalar. False when it is not all there yet. */
  #scanOne(): boolean {
    const { head, payload, children } = this.#measure();
    if (head === 0) return this.#checkSize(1);
    const size = head + payload;
    // Before the payload is there: an absurd length is refused at its announcement.
    this.#checkSize(size);
    if (this.#scanned + size > this.#end) return false;
    this.#scanned += size;
    const level = this.#wanted.length - 1;
    this.#wanted[level] = this.#wanted[level]! - 1;
    if (children > 0) {
      // Every child takes a byte at least.
      this.#checkSize(children);
      if (this.#wanted.length >= MAX_DEPTH) throw new SplitError("value-too-deep", `nested deeper than ${MAX_DEPTH}`);
      this.#wanted.push(children);
    }
    return true;
  }

  #checkSize(more: number): false {
    if (this.#scanned - this.#start + more > this.#maxBytes) {
      throw new SplitError("value-too-large", `a value of more than ${this.#maxBytes} bytes`);
    }
    return false;
  }

  /** Size of the marker with its length field (0: not all there yet), of the payload, and the number of children. */
  #measure(): { head: number; payload: number; children: number } {
    const at = this.#scanned;
    const have = this.#end - at;
    if (have < 1) return { head: 0, payload: 0, children: 0 };
    const marker = this.#buffer[at]!;
    if (marker <= 0x7f || marker >= 0xe0) return { head: 1, payload: 0, children: 0 };
    if (marker <= 0x8f) return { head: 1, payload: 0, children: (marker & 0x0f) * 2 };
    if (marker <= 0x9f) return { head: 1, payload: 0, children: marker & 0x0f };
    if (marker <= 0xbf) return { head: 1, payload: marker & 0x1f, children: 0 };
    const shape = SHAPES[marker - 0xc0];
    if (shape === undefined) throw new SplitError("bad-marker", `byte 0x${marker.toString(16)} begins no value`);
    const head = 1 + shape.lengthBytes;
    if (have < head) return { head: 0, payload: 0, children: 0 };
    let length = 0;
    for (let i = 1; i < head; i++) length = length * 256 + this.#buffer[at + i]!;
    return { head, payload: shape.fixed + shape.perPayload * length, children: shape.perChild * length };
  }
}

interface Shape {
  readonly lengthBytes: number;
  readonly fixed: number;
  readonly perPayload: number;
  readonly perChild: number;
}
const scalar = (fixed: number): Shape => ({ lengthBytes: 0, fixed, perPayload: 0, perChild: 0 });
const bytes = (lengthBytes: number, fixed = 0): Shape => ({ lengthBytes, fixed, perPayload: 1, perChild: 0 });
const nest = (lengthBytes: number, perChild: number): Shape => ({ lengthBytes, fixed: 0, perPayload: 0, perChild });

/** 0xc0 … 0xdf in order; 0xc1 is the one byte that MessagePack never uses. */
const SHAPES: readonly (Shape | undefined)[] = [
  ...[scalar(0), undefined, scalar(0), scalar(0)], // nil, -, false, true
  ...[bytes(1), bytes(2), bytes(4)], // bin
  ...[bytes(1, 1), bytes(2, 1), bytes(4, 1)], // ext: one byte of type
  ...[scalar(4), scalar(8)], // float
  ...[scalar(1), scalar(2), scalar(4), scalar(8)], // unsigned
  ...[scalar(1), scalar(2), scalar(4), scalar(8)], // signed
  ...[scalar(2), scalar(3), scalar(5), scalar(9), scalar(17)], // fixed ext
  ...[bytes(1), bytes(2), bytes(4)], // str
  ...[nest(2, 1), nest(4, 1)], // array
  ...[nest(2, 2), nest(4, 2)], // map
];
