/**
 * The aggregates' messages: a type byte, then one MessagePack array
 *
 *     [kind, name, epoch, age of the epoch in ms, exchange, share]
 *
 * with the share, where there is one, as one run of bytes: four 8-byte floats (first and second moment, least,
 * greatest), then each with its count in a byte before it the leaders (4-byte id, 8-byte share), the sketch's level
 * and buckets (4-byte key, 4-byte float), and the smallest draws (4-byte floats). Between nodes of ours only.
 */
import { Reader, utf8Length, Writer } from "@hearsay/wire";
import { maxAggregateNameBytes, maxValue } from "./aggregate-config.ts";
import { maxEpoch } from "./aggregate-epochs.ts";
import { leastDraw, maxLeaders, type ShareMessage } from "./aggregate-share.ts";
import { keyOffset, maxLevel } from "./sketch.ts";

/** First byte of a user message of ours that speaks of aggregates. */
export const aggregateMessageType = 0xe9;

/**
 * "ask": the sender's share, to be answered. "answer": what the asker lacks. "busy": no part is taken in this epoch.
 * "ahead": the asker's epoch is over; the present one is this. "hello": the sender is new and would know the present epoch; "ahead" answers it.
 */
export type AggregateMessage = {
  readonly name: string;
  readonly epoch: number;
  readonly ageMs: number;
  readonly exchange: number;
} & (
  | { readonly type: "ask" | "answer"; readonly share: ShareMessage }
  | { readonly type: "busy" | "ahead" | "hello"; readonly share?: undefined }
);

const kinds = ["ask", "answer", "busy", "ahead", "hello"] as const;
const maxBuckets = 255;
const maxDraws = 64;
/** Keys of level 0 are this far from their offset at most, since floats are. */
const maxIndex = 40_000;
/** A leader begins with 1, and nobody can get more; but for a while, with several answers under way. */
const maxLeaderShare = 4;
/** Of a share: its four numbers and the four bytes of counts and level. */
const headBytes = 36;

export function encodeAggregateMessage({ type, name, epoch, ageMs, exchange, share }: AggregateMessage): Uint8Array {
  const writer = new Writer({ dialect: "new", initialBytes: share ? 1_400 : 64 }).byte(aggregateMessageType);
  writer
    .array(share ? 6 : 5)
    .uint(kinds.indexOf(type))
    .text(name)
    .uint(epoch)
    .uint(Math.round(ageMs))
    .uint(exchange);
  if (share) writer.bytes(encodeShare(share));
  return writer.finish();
}

/** Undefined when it is malformed. The bytes are borrowed for the call. */
export function decodeAggregateMessage(bytes: Uint8Array): AggregateMessage | undefined {
  if (bytes[0] !== aggregateMessageType) return undefined;
  const reader = new Reader(bytes, 1);
  const fields = reader.array();
  const type = kinds[reader.uint(kinds.length - 1)]!;
  const start = reader.offset;
  const length = reader.blobHead();
  if (length < 1 || length > maxAggregateNameBytes) return undefined;
  reader.offset = start;
  const head = {
    name: reader.text(),
    epoch: reader.uint(maxEpoch),
    ageMs: reader.uint(2 ** 40),
    exchange: reader.uint(2 ** 48),
  };
  if (type !== "ask" && type !== "answer")
    return reader.ok && fields === 5 && reader.remaining === 0 ? { type, ...head } : undefined;
  const share = decodeShare(reader.blobView());
  return reader.ok && fields === 6 && reader.remaining === 0 && share ? { type, ...head, share } : undefined;
}

/** Throws a RangeError. */
export function checkName(name: string): void {
  const bytes = utf8Length(name);
  if (bytes >= 1 && bytes <= maxAggregateNameBytes) return;
  throw new RangeError(`aggregate: a name takes ${bytes} bytes, where 1 to ${maxAggregateNameBytes} may`);
}

function encodeShare({ first, second, min, max, leaders, buckets, smallest }: ShareMessage): Uint8Array {
  const bytes = new Uint8Array(headBytes + leaders.length * 12 + buckets.keys.length * 8 + smallest.length * 4);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const x of [first, second, min, max]) {
    view.setFloat64(at, x);
    at += 8;
  }
  bytes[at++] = leaders.length;
  for (const { id, share } of leaders) {
    view.setUint32(at, id);
    view.setFloat64(at + 4, share);
    at += 12;
  }
  bytes[at++] = buckets.level;
  bytes[at++] = buckets.keys.length;
  for (let i = 0; i < buckets.keys.length; i++) {
    view.setInt32(at, buckets.keys[i]!);
    view.setFloat32(at + 4, buckets.weights[i]!);
    at += 8;
  }
  bytes[at++] = smallest.length;
  for (const x of smallest) {
    view.setFloat32(at, x);
    at += 4;
  }
  return bytes;
}

function decodeShare(bytes: Uint8Array | null): ShareMessage | undefined {
  if (bytes === null || bytes.length < headBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [first, second, min, max] = [0, 8, 16, 24].map((at) => view.getFloat64(at)) as Moments;
  let at = headBytes - 4;
  const leaderCount = view.getUint8(at++);
  // Twice what is kept: what two lack of each other has the leaders of both.
  if (leaderCount > 2 * maxLeaders || at + leaderCount * 12 + 3 > bytes.length) return undefined;
  const leaders: { id: number; share: number }[] = [];
  for (let i = 0; i < leaderCount; i++, at += 12)
    leaders.push({ id: view.getUint32(at), share: view.getFloat64(at + 4) });
  const level = view.getUint8(at++);
  const bucketCount = view.getUint8(at++);
  if (level > maxLevel || bucketCount > maxBuckets || at + bucketCount * 8 + 1 > bytes.length) return undefined;
  const keys: number[] = [];
  const weights: number[] = [];
  for (let i = 0; i < bucketCount; i++, at += 8) {
    keys.push(view.getInt32(at));
    weights.push(view.getFloat32(at + 4));
  }
  const draws = view.getUint8(at++);
  if (draws > maxDraws || at + draws * 4 !== bytes.length) return undefined;
  const smallest: number[] = [];
  for (let i = 0; i < draws; i++, at += 4) smallest.push(view.getFloat32(at));
  const share = { first, second, min, max, leaders, buckets: { level, keys, weights }, smallest };
  return isSound(share) ? share : undefined;
}

type Moments = [number, number, number, number];

/** Whether all are numbers that can be. That they are true nobody can see. */
function isSound({ first, second, min, max, leaders, buckets, smallest }: ShareMessage): boolean {
  const { keys, weights } = buckets;
  return (
    Math.abs(first) < maxValue * 2 ** 32 &&
    Math.abs(second) < maxValue ** 2 * 2 ** 20 &&
    Math.abs(min) < maxValue &&
    Math.abs(max) < maxValue &&
    leaders.every(({ id, share }, i) => Math.abs(share) <= maxLeaderShare && (i === 0 || id > leaders[i - 1]!.id)) &&
    keys.every((key, i) => isKey(key, buckets.level) && (i === 0 || key > keys[i - 1]!)) &&
    weights.every((x) => Math.abs(x) < 2 ** 32) &&
    smallest.every((x) => x >= leastDraw && x < 2 ** 10)
  );
}

/** At a higher level there are fewer: else a sketch could be given more buckets than it can ever join. */
function isKey(key: number, level: number): boolean {
  return key === 0 || Math.abs(Math.abs(key) - keyOffset) <= Math.ceil(maxIndex / 2 ** level);
}
