/**
 * Base64 of keys, read exactly as strictly as Serf's agent reads it: standard alphabet, padding required, line breaks
 * skipped, spare bits ignored. A refusal names the byte at which Go's decoder stops, since clients print that.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD = 0x3d;

/** The bytes, or the words of Serf's refusal. */
export function decodeBase64(text: string): Uint8Array | string {
  const source = new TextEncoder().encode(text);
  const bytes: number[] = [];
  let at = 0;
  const skipBreaks = () => {
    while (source[at] === 0x0a || source[at] === 0x0d) at++;
  };
  /** The sextets of the group that has begun. */
  let group: number[] = [];
  for (;;) {
    skipBreaks();
    if (at === source.length) return group.length === 0 ? Uint8Array.from(bytes) : corrupt(at - group.length);
    const byte = source[at++]!;
    if (byte === PAD) break;
    const sextet = ALPHABET.indexOf(String.fromCharCode(byte));
    if (sextet < 0) return corrupt(at - 1);
    group.push(sextet);
    if (group.length < 4) continue;
    bytes.push(...joined(group));
    group = [];
  }
  // Padding stands for the last one or two of four, and nothing follows.
  if (group.length < 2) return corrupt(at - 1);
  if (group.length === 2) {
    skipBreaks();
    if (at === source.length) return corrupt(at);
    if (source[at] !== PAD) return corrupt(at - 1);
    at++;
  }
  skipBreaks();
  if (at < source.length) return corrupt(at);
  bytes.push(...joined([...group, 0, 0].slice(0, 4)).slice(0, group.length - 1));
  return Uint8Array.from(bytes);
}

function joined([a, b, c, d]: readonly number[]): number[] {
  const bits = (a! << 18) | (b! << 12) | (c! << 6) | d!;
  return [bits >> 16, (bits >> 8) & 0xff, bits & 0xff];
}

function corrupt(at: number): string {
  return `illegal base64 data at input byte ${at}`;
}
