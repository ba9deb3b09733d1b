/** Tags: a member's short texts about itself, carried in the bytes of its metadata (serf protocol notes, section 5). */
import { encodeUtf8, Reader, readUtf8Lossy, Writer } from "@hearsay/wire";
import { SerfError } from "./errors.ts";

export type Tags = Readonly<Record<string, string>>;

/** First byte of metadata that holds a map; anything else is a bare role. */
const mapMark = 0xff;
export const maxTagBytes = 512;

/**
 * The metadata for these tags, names in byte order. Below Serf protocol 3 only the tag `role` is sent, bare.
 * Throws SerfError "tags-too-long" when it exceeds 512 bytes.
 */
export function encodeTags(tags: Tags, protocol = 5): Uint8Array {
  if (protocol < 3) return checkLength(encodeUtf8(tags.role ?? ""));
  return checkLength(new Writer().byte(mapMark).value(tags).finish());
}

/**
 * The tags in a member's metadata. Never fails: of a broken map, what comes before the damage counts. Bytes that are
 * not UTF-8 read as U+FFFD.
 */
export function decodeTags(meta: Uint8Array): Record<string, string> {
  if (meta.length === 0 || meta[0] !== mapMark) return { role: readUtf8Lossy(meta, 0, meta.length) };
  return readTags(new Reader(meta, 1));
}

/** A map of texts at the reader's place; empty for nil. Stops where it is broken. */
export function readTags(reader: Reader): Record<string, string> {
  const entries: [string, string][] = [];
  const count = reader.map();
  for (let i = 0; i < count; i++) {
    const key = reader.textLossy();
    const value = reader.textLossy();
    if (!reader.ok) break;
    entries.push([key, value]);
  }
  // Not by assignment: a peer may name a tag `__proto__`.
  return Object.fromEntries(entries);
}

function checkLength(meta: Uint8Array): Uint8Array {
  if (meta.length <= maxTagBytes) return meta;
  throw new SerfError("tags-too-long", `Encoded length of tags exceeds limit of ${maxTagBytes} bytes`);
}
