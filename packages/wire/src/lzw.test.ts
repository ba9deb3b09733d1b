import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, lcgBytes, unhex, vectors } from "../testing/vectors.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { Compressor } from "./compressor.ts";
import { crc32 } from "./crc32.ts";
import { LzwDecoder } from "./lzw-decoder.ts";
import { LzwEncoder } from "./lzw-encoder.ts";

const encoder = new LzwEncoder();
const decoder = new LzwDecoder();
const mebibyte = 1 << 20;

function lzw(bytes: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): Uint8Array | undefined {
  const out = new ByteBuffer();
  return encoder.encode(bytes, 0, bytes.length, out, maxBytes) ? out.bytes.slice(0, out.length) : undefined;
}

function unlzw(bytes: Uint8Array, maxBytes = 64 * mebibyte): Uint8Array | string {
  const out = new ByteBuffer();
  return decoder.decode(bytes, 0, bytes.length, out, maxBytes) ?? out.bytes.slice(0, out.length);
}

interface Inputs {
  readonly plain?: string;
  readonly lcg?: { readonly seed: number; readonly length: number };
  readonly repeat?: {
    readonly byte?: number;
    readonly length?: number;
    readonly hex?: string;
    readonly times?: number;
  };
}

function plainOf({ plain, lcg, repeat }: Inputs): Uint8Array {
  if (plain !== undefined) return unhex(plain);
  if (lcg !== undefined) return lcgBytes(lcg.seed, lcg.length);
  if (repeat?.hex !== undefined) return unhex(repeat.hex.repeat(repeat.times!));
  return new Uint8Array(repeat!.length!).fill(repeat!.byte!);
}

describe("vectors: compress", () => {
  test.each(vectors("memberlist/compress").map((v) => [v.name, v] as const))("%s", (_name, vector) => {
    const compressor = new Compressor();
    const message = unhex(vector.hex);
    const out = new ByteBuffer();
    const failure = compressor.decompress(message, 1, message.length, out, mebibyte);
    if (vector.expect.error === true) {
      expect(failure).toMatch(/^compress-(corrupt|algorithm)$/);
      return;
    }
    expect(failure).toBeUndefined();
    const opened = out.bytes.slice(0, out.length);
    if (vector.inputs === null || vector.inputs === undefined) {
      expect(hex(opened)).toBe(vector.expect.plain);
      return;
    }
    const plain = plainOf(vector.inputs as Inputs);
    expect(plain.length).toBe(vector.expect.plainLength);
    expect(crc32(plain).toString(16).padStart(8, "0")).toBe(vector.expect.plainCrc32);
    expect(hex(opened)).toBe(hex(plain));

    expect(hex(lzw(plain)!)).toBe(vector.expect.lzw);
    const length = compressor.compress(plain, 0, plain.length, 2 * mebibyte);
    const target = new Uint8Array(length + 2);
    expect(compressor.copyTo(target, 1)).toBe(length + 1);
    expect(hex(target.subarray(1, length + 1))).toBe(vector.hex);
  });
});

/** Data of few letters, so that strings grow long and the table fills and starts over. */
const repetitive = fc
  .tuple(fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 }), fc.array(fc.nat(5)))
  .map(([words, order]) => new Uint8Array(order.flatMap((i) => [...words[i % words.length]!])));

describe("LZW", () => {
  test("gives back random and repetitive data", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), repetitive), (plain) => {
        expect(hex(unlzw(lzw(plain)!) as Uint8Array)).toBe(hex(plain));
      }),
      { numRuns: 300 },
    );
  });

  test("at every length around the changes of code width and the clearing of the table", () => {
    const random = lcgBytes(77, 12_000);
    const few = random.map((byte) => byte & 3);
    for (let length = 0; length < 12_000; length += length > 240 && length < 260 ? 1 : 37) {
      for (const plain of [random.subarray(0, length), few.subarray(0, length)])
        expect(hex(unlzw(lzw(plain)!) as Uint8Array)).toBe(hex(plain));
    }
    // The code that fills the table is the last one, or nearly.
    for (let length = 3_830; length < 3_850; length++) {
      const plain = Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 31) & 0xff);
      expect(hex(unlzw(lzw(plain)!) as Uint8Array)).toBe(hex(plain));
    }
  });

  test("one encoder serves many messages", () => {
    // Generations of its table wrap around after 2,047.
    const plain = new TextEncoder().encode("the same text again and again and again");
    const first = hex(lzw(plain)!);
    for (let i = 0; i < 5000; i++) lzw(lcgBytes(i, 20));
    expect(hex(lzw(plain)!)).toBe(first);
  });

  test("gives up when the result would be too long, and leaves the output as it was", () => {
    const plain = lcgBytes(3, 2000);
    const needed = lzw(plain)!.length;
    for (const max of [0, 1, 2, 100, needed - 1]) expect(lzw(plain, max)).toBeUndefined();
    expect(lzw(plain, needed)?.length).toBe(needed);
  });

  test("stops at the limit while decoding", () => {
    const bomb = lzw(new Uint8Array(4 * mebibyte))!;
    expect(bomb.length).toBeLessThan(20_000);
    const out = new ByteBuffer();
    expect(decoder.decode(bomb, 0, bomb.length, out, mebibyte)).toBe("compress-too-large");
    expect(out.bytes.length).toBeLessThanOrEqual(mebibyte);
    expect(decoder.decode(bomb, 0, bomb.length, out, 4 * mebibyte)).toBeUndefined();
    expect(decoder.decode(bomb, 0, bomb.length, out, 4 * mebibyte - 1)).toBe("compress-too-large");
  });

  test("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = unlzw(bytes, 1 << 16);
        expect(typeof result === "string" ? result : "").toMatch(/^(compress-.*)?$/);
      }),
    );
  });

  test("a full table takes nothing more until a clear code", () => {
    // 5,000 literals without a clear code: more codes than the table has room for.
    const codes = [256, ...new Array(5000).fill(0).map((_, i) => i & 0xff), 257];
    const bytes: number[] = [];
    let bits = 0n;
    let count = 0n;
    let width = 9n;
    let high = 257;
    for (const code of codes) {
      bits |= BigInt(code) << count;
      count += width;
      if (code === 256 || code === 257) continue;
      if (++high === 1 << Number(width)) {
        if (width < 12n) width++;
        else high--;
      }
    }
    for (let i = 0n; i < count; i += 8n) bytes.push(Number((bits >> i) & 0xffn));
    expect(unlzw(new Uint8Array(bytes))).toEqual(Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff));
  });
});

describe("crc32", () => {
  test("is the one of zlib", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    const bytes = lcgBytes(5, 1000);
    const slow = (from: number, to: number) => {
      let crc = ~0;
      for (let i = from; i < to; i++) {
        crc ^= bytes[i]!;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
      }
      return ~crc >>> 0;
    };
    for (let from = 0; from < 9; from++)
      for (let to = from; to < from + 20; to++) expect(crc32(bytes, from, to)).toBe(slow(from, to));
    expect(crc32(bytes)).toBe(slow(0, 1000));
  });
});
