/** A running checksum of a history: equal digests, equal histories (FNV-1a over numbers, two lanes). */
export class Digest {
  #a = 0x811c9dc5;
  #b = 0x01000193;
  readonly #view = new DataView(new ArrayBuffer(8));

  packet(at: number, from: number, to: number, bytes: number): void {
    this.number(at);
    this.#mix(from);
    this.#mix(to);
    this.#mix(bytes);
  }

  stream(at: number, from: number, to: number, bytes: number): void {
    this.#mix(0x5eed);
    this.packet(at, from, to, bytes);
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(0xffff);
  }

  number(value: number): void {
    this.#view.setFloat64(0, value);
    this.#mix(this.#view.getInt32(0));
    this.#mix(this.#view.getInt32(4));
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b ^ value, 0x9e3779b1);
    this.#b ^= this.#b >>> 13;
  }
}
