/**
 * The counters' messages: a type byte, then one MessagePack array. Between nodes of ours only.
 *
 *     summary  [0, imprint]                       the sum over all buckets: is anything different?
 *     buckets  [1, 64 x 4 bytes]                  something is: where?
 *     digest   [2, first, last, {id: version}, n x 4 bytes]   ids from first to last that the sender has, and what is in
 *                                                 them (`CounterTable.contentOf`); others there it has not
 *     wants    [3, {id: version}]                 what the sender has of these, and would have more
 *     delta    [4, [[id, writer, from, to, [[counter, plus, minus, version], ...]], ...]]
 *
 * Ids and bounds are 8 bytes. What is malformed is refused as a whole, before anything is taken from it.
 */
import { Reader, utf8Length, Writer } from "@hearsay/wire";
import { bucketCount, maxCounterNameBytes, maxWriterBytes } from "./counter-limits.ts";
import type { LifeDelta } from "./counter-table.ts";

/** First byte of a user message of ours that speaks of counters. */
export const counterMessageType = 0xe8;

export interface IdVersion {
  readonly id: string;
  readonly version: number;
}

export type CounterMessage =
  | { readonly type: "summary"; readonly imprint: number }
  | { readonly type: "buckets"; readonly imprints: Uint32Array }
  | {
      readonly type: "digest";
      readonly first: string;
      readonly last: string;
      readonly have: readonly IdVersion[];
      /** Of each in `have`. */
      readonly contents: Uint32Array;
    }
  | { readonly type: "wants"; readonly have: readonly IdVersion[] }
  | { readonly type: "delta"; readonly lives: readonly LifeDelta[] };

const max = Number.MAX_SAFE_INTEGER;
/** More items than any packet of 64 KiB could hold are malformed. */
const maxItems = 8_192;
/** Bytes that one id, version and content take at most. */
export const idVersionBytes = 23;
/** Versions above are refused: with a million adds a second, after nine years. What we write ourselves stays far below. */
const maxVersion = 2 ** 48;

export function encodeCounterMessage(message: CounterMessage): Uint8Array {
  const writer = new Writer({ dialect: "new" }).byte(counterMessageType);
  switch (message.type) {
    case "summary":
      return writer.array(2).uint(0).uint(message.imprint).finish();
    case "buckets":
      return writer.array(2).uint(1).bytes(bytesOfWords(message.imprints)).finish();
    case "digest":
      writer.array(5).uint(2).bytes(idBytes(message.first)).bytes(idBytes(message.last));
      writeVersions(writer, message.have);
      return writer.bytes(bytesOfWords(message.contents)).finish();
    case "wants":
      writeVersions(writer.array(2).uint(3), message.have);
      return writer.finish();
    case "delta":
      writer.array(2).uint(4).array(message.lives.length);
      for (const life of message.lives) writeLife(writer, life);
      return writer.finish();
  }
}

/** Undefined when it is malformed. The bytes are borrowed for the call. */
export function decodeCounterMessage(bytes: Uint8Array): CounterMessage | undefined {
  if (bytes[0] !== counterMessageType) return undefined;
  const reader = new Reader(bytes, 1);
  const fields = reader.array();
  const kind = reader.uint(4);
  const message = fields === (kind === 2 ? 5 : 2) ? readBody(reader, kind) : undefined;
  return reader.ok && reader.remaining === 0 ? message : undefined;
}

/** Bytes that a life takes in a delta at most, without its tallies. */
export function lifeBytes(life: LifeDelta): number {
  return 10 + 3 + utf8Length(life.writer) + 18 + 5;
}

/** Bytes that a tally takes in a delta at most. */
export function tallyBytes(tally: LifeDelta["tallies"][number]): number {
  return 1 + 3 + utf8Length(tally.counter) + 27;
}

function readBody(reader: Reader, kind: number): CounterMessage | undefined {
  if (kind === 0) return { type: "summary", imprint: reader.uint(0xffff_ffff) };
  if (kind === 1) {
    const imprints = readWords(reader.blobView(), bucketCount);
    return imprints && { type: "buckets", imprints };
  }
  if (kind === 2) return readDigest(reader);
  if (kind === 3) return { type: "wants", have: readVersions(reader) };
  const lives: LifeDelta[] = [];
  const count = reader.array();
  if (count > maxItems) return undefined;
  for (let i = 0; i < count && reader.ok; i++) lives.push(readLife(reader));
  return { type: "delta", lives };
}

function readDigest(reader: Reader): CounterMessage | undefined {
  const first = readId(reader);
  const last = readId(reader);
  const have = readVersions(reader);
  const contents = readWords(reader.blobView(), have.length);
  return contents && { type: "digest", first, last, have, contents };
}

function writeVersions(writer: Writer, have: readonly IdVersion[]): void {
  writer.map(have.length);
  for (const { id, version } of have) writer.bytes(idBytes(id)).uint(version);
}

function readVersions(reader: Reader): IdVersion[] {
  const have: IdVersion[] = [];
  const count = reader.map();
  if (count > maxItems) reader.fail("field-range");
  for (let i = 0; i < count && reader.ok; i++) have.push({ id: readId(reader), version: reader.uint(maxVersion) });
  return have;
}

export function writeLife(writer: Writer, { id, writer: name, from, to, tallies }: LifeDelta): void {
  writer.array(5).bytes(idBytes(id)).text(name).uint(from).uint(to).array(tallies.length);
  for (const { counter, plus, minus, version } of tallies) {
    writer.array(4).text(counter).uint(plus).uint(minus).uint(version);
  }
}

/** What is wrong with it is told by the reader: `ok`. */
export function readLife(reader: Reader): LifeDelta {
  if (reader.array() !== 5) reader.fail("msgpack-invalid");
  const id = readId(reader);
  const writer = readShort(reader, 0, maxWriterBytes);
  const from = reader.uint(maxVersion);
  const to = reader.uint(maxVersion);
  const tallies: { counter: string; plus: number; minus: number; version: number }[] = [];
  const count = reader.array();
  if (count > maxItems) reader.fail("field-range");
  for (let i = 0; i < count && reader.ok; i++) {
    if (reader.array() !== 4) reader.fail("msgpack-invalid");
    const counter = readShort(reader, 1, maxCounterNameBytes);
    const tally = { counter, plus: reader.uint(max), minus: reader.uint(max), version: reader.uint(max) };
    // In order and within the bounds: else a cut delta would leave a gap that nobody sees.
    if (tally.version <= (tallies.at(-1)?.version ?? from) || tally.version > to) reader.fail("field-range");
    tallies.push(tally);
  }
  // A life's version is that of its latest tally. One above it would leave somebody wanting what nobody can tell.
  if (tallies.at(-1)?.version !== to) reader.fail("field-range");
  return { id, writer, from, to, tallies };
}

function readShort(reader: Reader, least: number, most: number): string {
  const start = reader.offset;
  const length = reader.blobHead();
  reader.offset = start;
  if (!reader.ok || Math.max(0, length) < least || length > most) {
    reader.fail("field-range");
    return "";
  }
  return reader.text();
}

function idBytes(id: string): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16));
}

function readId(reader: Reader): string {
  const bytes = reader.blobView();
  if (bytes?.length !== 8) {
    reader.fail("field-range");
    return "";
  }
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOfWords(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(4 * i, words[i]!);
  return bytes;
}

function readWords(bytes: Uint8Array | null, count: number): Uint32Array | undefined {
  if (bytes?.length !== count * 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(4 * i));
}
