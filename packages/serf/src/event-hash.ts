/**
 * A user event in 64 bits: for a memory of which events were seen that is to be small, and outlives a restart.
 *
 * FNV-1a, which is quick and no secret: events can be made to collide, by whoever may send events anyway. All that comes of
 * it is that, after a restart, one event counts as seen in place of another one of the same Lamport time.
 */
import { emptyBytes } from "@hearsay/core";
import { encodeUtf8 } from "@hearsay/wire";

/** Stands between name and payload; no byte of UTF-8. */
const separator = Uint8Array.of(0xff);

/** 16 hexadecimal digits. An absent payload and an empty one are the same event. */
export function eventHash(name: string, payload: Uint8Array | null): string {
  return fnv1a64(encodeUtf8(name), separator, payload ?? emptyBytes);
}

/** FNV-1a of the parts as if they were one, in 16 hexadecimal digits. The 64 bits are held in two halves. */
export function fnv1a64(...parts: readonly Uint8Array[]): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      // Times 2^40 + 435, modulo 2^64. The product of the low half is below 2^41, and so exact.
      const product = ((low ^ part[i]!) >>> 0) * 435;
      high = (Math.imul(high, 435) + Math.floor(product / 2 ** 32) + ((low ^ part[i]!) << 8)) >>> 0;
      low = product >>> 0;
    }
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
