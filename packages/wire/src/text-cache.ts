/**
 * Remembers how short texts look on the wire, head included: a machine writes the same few member names again and again,
 * and taking a string apart unit by unit is the dearest part of writing a message. The bytes are kept as 32-bit words, so
 * that they can be written four at a time. Bounded: when it is full it takes nothing more until as many texts have been
 * missed as it holds, and then starts over, so a cluster larger than the cache still finds most of its names.
 */

/** A length and 15 words. */
const entryWords = 16;
/** Longest encoding that is kept. */
const maxTextBytes = 4 * (entryWords - 1);
const firstEntries = 32;

export class TextCache {
  /** Entries one after another: the length in bytes, then the bytes as words, little-endian, the last padded with 0. */
  words = new Int32Array(firstEntries * entryWords);
  /** Where in `words` the entry of a text begins. */
  private readonly places = new Map<string, number>();
  private readonly maxEntries: number;
  private misses = 0;

  /** @param maxEntries texts remembered at most. */
  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
  }

  /** Where in `words` this text begins; undefined when it is not known. */
  find(text: string): number | undefined {
    return this.places.get(text);
  }

  /** Keeps `bytes[start..end)` as the encoding of `text`, if there is room and it is short enough. */
  keep(text: string, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > maxTextBytes) return;
    const { places, maxEntries } = this;
    if (places.size >= maxEntries) {
      if (++this.misses < maxEntries) return;
      this.misses = 0;
      places.clear();
    }
    let place = places.size * entryWords;
    if (place >= this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    places.set(text, place);
    this.words[place++] = length;
    // Reading beyond the end gives undefined, which counts as 0; what is behind `end` is never looked at.
    for (let at = start; at < end; at += 4)
      this.words[place++] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
}
