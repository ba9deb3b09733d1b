/** 32-bit hashes for telling sets apart. Not against an adversary: whoever may write may also write nonsense. */

const offsetBasis = 0x811c9dc5 | 0;
const prime = 0x01000193;

/** The beginning of a hash; go on with the others and end with `finish`. */
export function hashText(text: string, hash: number = offsetBasis): number {
  let mixed = hash;
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), prime);
  return Math.imul(mixed ^ text.length, prime) ^ (mixed >>> 15);
}

/** A safe integer ≥ 0. */
export function hashNumber(value: number, hash: number): number {
  const low = Math.imul(hash ^ (value | 0), 0x85ebca6b);
  return Math.imul(low ^ (low >>> 13) ^ Math.floor(value / 0x1_0000_0000), 0xc2b2ae35) ^ (low >>> 16);
}

export function hashBytes(bytes: Uint8Array, hash: number): number {
  let mixed = hash;
  for (let i = 0; i < bytes.length; i++) mixed = Math.imul(mixed ^ bytes[i]!, prime);
  return hashNumber(bytes.length, mixed);
}

/** u32, every bit depending on every other. */
export function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
