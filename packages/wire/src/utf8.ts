/**
 * UTF-8 by hand: the pure ring has no `TextEncoder`. Reading is strict where a text is an identity (a name that does not
 * survive the round trip through a JavaScript string would be somebody else's name), lossy where it is for people.
 */

/** Bytes that `writeUtf8` will write for this text. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else {
      length += 2;
      if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(i + 1))) i++;
    }
  }
  return length;
}

/**
 * Writes the text at `offset` and returns the offset behind it. Unpaired surrogates become U+FFFD. Writing past the end
 * of `target` is cut off silently, so compare the result with `target.length`.
 */
export function writeUtf8(text: string, target: Uint8Array, offset: number): number {
  let at = offset;
  for (let i = 0; i < text.length; i++) {
    let unit = text.charCodeAt(i);
    if (unit < 0x80) {
      target[at++] = unit;
      continue;
    }
    if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6);
      target[at++] = 0x80 | (unit & 0x3f);
      continue;
    }
    if (isSurrogate(unit)) {
      const low = text.charCodeAt(i + 1);
      if (isHighSurrogate(unit) && isLowSurrogate(low)) {
        const point = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
        i++;
        target[at++] = 0xf0 | (point >> 18);
        target[at++] = 0x80 | ((point >> 12) & 0x3f);
        target[at++] = 0x80 | ((point >> 6) & 0x3f);
        target[at++] = 0x80 | (point & 0x3f);
        continue;
      }
      unit = 0xfffd;
    }
    target[at++] = 0xe0 | (unit >> 12);
    target[at++] = 0x80 | ((unit >> 6) & 0x3f);
    target[at++] = 0x80 | (unit & 0x3f);
  }
  return at;
}

/** The text in bytes of its own. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

/** `bytes[start..end)` as text, or `undefined` when that is not well-formed UTF-8. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  return decode(bytes, start, end, false);
}

/** The same with U+FFFD in place of what is malformed: for log lines and error texts, never for names. */
export function readUtf8Lossy(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return decode(bytes, start, end, true)!;
}

/** Whether `bytes[start..end)` is exactly the UTF-8 of `text`. */
export function utf8Equals(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  // Each unit takes one to three bytes.
  if (text.length > length || text.length * 3 < length) return false;
  let at = start;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return wideEquals(text, i, bytes, at, end);
    if (bytes[at++] !== unit) return false;
  }
  return at === end;
}

function wideEquals(text: string, from: number, bytes: Uint8Array, start: number, end: number): boolean {
  const rest = encodeUtf8(text.slice(from));
  if (rest.length !== end - start) return false;
  for (let i = 0; i < rest.length; i++) if (rest[i] !== bytes[start + i]) return false;
  return true;
}

function decode(bytes: Uint8Array, start: number, end: number, lossy: boolean): string | undefined {
  let text = "";
  let at = start;
  // Eight at a time is the cheapest way to build short one-byte strings without a decoder from the platform.
  while (at + 8 <= end) {
    const a = bytes[at]!;
    const b = bytes[at + 1]!;
    const c = bytes[at + 2]!;
    const d = bytes[at + 3]!;
    const e = bytes[at + 4]!;
    const f = bytes[at + 5]!;
    const g = bytes[at + 6]!;
    const h = bytes[at + 7]!;
    if ((a | b | c | d | e | f | g | h) >= 0x80) return decodeWide(text, bytes, at, end, lossy);
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
    at += 8;
  }
  while (at < end) {
    const byte = bytes[at]!;
    if (byte >= 0x80) return decodeWide(text, bytes, at, end, lossy);
    text += String.fromCharCode(byte);
    at++;
  }
  return text;
}

function decodeWide(head: string, bytes: Uint8Array, start: number, end: number, lossy: boolean): string | undefined {
  let text = head;
  let units: number[] = [];
  let at = start;
  while (at < end) {
    if (units.length >= 1024) {
      text += String.fromCharCode(...units);
      units = [];
    }
    const lead = bytes[at]!;
    if (lead < 0x80) {
      units.push(lead);
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length < 0) {
      if (!lossy) return undefined;
      // One replacement for each maximal valid beginning, as the Unicode standard recommends.
      units.push(0xfffd);
      at += -length;
      continue;
    }
    if (length === 2) units.push(((lead & 0x1f) << 6) | (bytes[at + 1]! & 0x3f));
    else if (length === 3) units.push(((lead & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f));
    else {
      const point =
        ((lead & 0x07) << 18) |
        ((bytes[at + 1]! & 0x3f) << 12) |
        ((bytes[at + 2]! & 0x3f) << 6) |
        (bytes[at + 3]! & 0x3f);
      units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    at += length;
  }
  return text + String.fromCharCode(...units);
}

/** Length of the well-formed sequence at `at`, or minus the number of bytes a replacement character stands for. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  let length: number;
  let low = 0x80;
  let high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead === 0xe0) low = 0xa0;
    else if (lead === 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead === 0xf0) low = 0x90;
    else if (lead === 0xf4) high = 0x8f;
  } else return -1;
  for (let i = 1; i < length; i++) {
    if (at + i >= end) return -i;
    const byte = bytes[at + i]!;
    if (byte < low || byte > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
