/**
 * The envelope of every message between capable nodes: the sender's name, so that an address that was translated on the way
 * does not hide who speaks, and the body, whose first byte says which machine it is for.
 *
 *     0xe1   length of the name, u8   name, UTF-8   body
 *
 * The name is a claim, as every name in a pool without signatures; what it gives a liar is what a member may say.
 */
import { encodeUtf8, readUtf8 } from "@hearsay/wire";

export const envelopeType = 0xe1;
/** A body of this first byte is the last message of an exchange over streams: the rest is the state machine's. */
export const streamPushType = 0xe2;

export interface Envelope {
  readonly sender: string;
  /** A view of what was read; at least one byte. */
  readonly body: Uint8Array;
}

/** Seals bodies of one sender. */
export class Sealer {
  readonly #head: Uint8Array;

  constructor(name: string) {
    const bytes = encodeUtf8(name);
    this.#head = Uint8Array.of(envelopeType, bytes.length, ...bytes);
  }

  /** Bytes that the envelope takes. */
  get overhead(): number {
    return this.#head.length;
  }

  /** A fresh copy. @param push marks it as the last message of an exchange over streams */
  seal(body: Uint8Array, push = false): Uint8Array {
    const start = this.#head.length + (push ? 1 : 0);
    const sealed = new Uint8Array(start + body.length);
    sealed.set(this.#head);
    if (push) sealed[start - 1] = streamPushType;
    sealed.set(body, start);
    return sealed;
  }
}

/** Undefined when it is none. */
export function openEnvelope(bytes: Uint8Array): Envelope | undefined {
  const length = bytes[1] ?? 0;
  if (bytes[0] !== envelopeType || length === 0 || bytes.length <= 2 + length) return undefined;
  const sender = readUtf8(bytes, 2, 2 + length);
  return sender === undefined ? undefined : { sender, body: bytes.subarray(2 + length) };
}
