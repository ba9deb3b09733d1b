/** Any MessagePack value, for readers that do not know what comes: tools, logs, tests. Bounded in depth and number. */

import { copyOf } from "./byte-views.ts";
import { maxMsgpackDepth } from "./limits.ts";
import type { Reader } from "./msgpack-reader.ts";
import { readUtf8 } from "./utf8.ts";

/** An extension value, for completeness: neither memberlist nor Serf sends any. */
export interface MsgpackExtension {
  readonly extension: number;
  readonly bytes: Uint8Array;
}

/** Any value. Raw and str come as text when they are UTF-8, as bytes when not; integers beyond 2⁵³−1 as bigint. */
export type MsgpackValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | MsgpackExtension
  | MsgpackValue[]
  | Map<MsgpackValue, MsgpackValue>;

export interface ValueLimits {
  /** Nesting; default and maximum 32. */
  readonly maxDepth?: number;
  /** Values altogether, keys included. Default 65,536. */
  readonly maxItems?: number;
}

/** One value, copied out of the input; undefined when it is malformed or over a limit, and the reader then says why. */
export function readValue(reader: Reader, limits: ValueLimits): MsgpackValue | undefined {
  const room = { items: limits.maxItems ?? 65_536 };
  const value = anyValue(reader, Math.min(limits.maxDepth ?? maxMsgpackDepth, maxMsgpackDepth), room);
  return reader.failure === undefined ? value : undefined;
}

function anyValue(reader: Reader, depth: number, room: { items: number }): MsgpackValue {
  if (--room.items < 0) {
    reader.fail("field-range");
    return null;
  }
  const kind = reader.peek();
  switch (kind) {
    case "nil":
      reader.tryNil();
      return null;
    case "bool":
      return reader.bool();
    case "int":
      return reader.integer(false);
    case "float":
      return reader.float();
    case "text":
      return textOrBytes(reader);
    case "bytes":
      return reader.blobCopy();
    case "extension":
      return anyExtension(reader);
    case "array":
    case "map":
      if (depth <= 0) {
        reader.fail("msgpack-too-deep");
        return null;
      }
      return kind === "array" ? anyArray(reader, depth - 1, room) : anyMap(reader, depth - 1, room);
    case "none":
      reader.fail(reader.remaining === 0 ? "msgpack-truncated" : "msgpack-invalid");
      return null;
  }
}

function textOrBytes(reader: Reader): string | Uint8Array | null {
  const length = reader.blobHead();
  if (length < 0) return null;
  const start = reader.offset;
  reader.offset += length;
  return readUtf8(reader.bytes, start, reader.offset) ?? copyOf(reader.bytes, start, reader.offset);
}

function anyExtension(reader: Reader): MsgpackExtension | null {
  const { bytes, offset } = reader;
  const code = bytes[offset]!;
  // Up to and including the type: a length of 1, 2 or 4 bytes for 0xc7 … 0xc9, none for the fixed sizes.
  const head = code === 0xc7 ? 3 : code === 0xc8 ? 4 : code === 0xc9 ? 6 : 2;
  reader.skip();
  if (reader.failure !== undefined) return null;
  const extension = (bytes[offset + head - 1]! << 24) >> 24;
  return { extension, bytes: copyOf(bytes, offset + head, reader.offset) };
}

function anyArray(reader: Reader, depth: number, room: { items: number }): MsgpackValue[] {
  const count = reader.array();
  const items: MsgpackValue[] = [];
  for (let i = 0; i < count && reader.failure === undefined; i++) items.push(anyValue(reader, depth, room));
  return items;
}

function anyMap(reader: Reader, depth: number, room: { items: number }): Map<MsgpackValue, MsgpackValue> {
  const count = reader.map();
  const items = new Map<MsgpackValue, MsgpackValue>();
  for (let i = 0; i < count && reader.failure === undefined; i++) {
    const key = anyValue(reader, depth, room);
    items.set(key, anyValue(reader, depth, room));
  }
  return items;
}
