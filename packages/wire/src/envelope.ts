/**
 * The encrypted form: version byte, nonce, ciphertext, tag. Version 1 seals the payload as it is; version 0, which only
 * peers that speak protocol 1 send, seals it padded to whole blocks.
 *
 * The version byte is not covered by the tag, so anybody can turn a recorded version 1 packet into version 0. The padding
 * is therefore checked to the last byte, and version 0 can be switched off.
 * Source: memberlist protocol notes, sections 3 and 15.
 */

import type { DropReason } from "@hearsay/core";
import type { ByteBuffer } from "./byte-buffer.ts";
import { viewOf } from "./byte-views.ts";
import type { Cipher, CipherFactory, NonceSource } from "./cipher.ts";
import type { Keyring } from "./keyring.ts";

export const nonceBytes = 12;
export const tagBytes = 16;
/** Version byte and nonce, in front of the ciphertext. */
export const envelopeHeadBytes = 1 + nonceBytes;
/** What encryption takes of a packet's budget, by envelope version (protocol notes, section 7.3). */
export const envelopeOverhead = [envelopeHeadBytes + 16 + tagBytes, envelopeHeadBytes + tagBytes] as const;
const blockBytes = 16;

export interface EnvelopeOptions {
  readonly keyring: Keyring;
  readonly cipherFactory: CipherFactory;
  readonly nonceSource: NonceSource;
  /** What is sent. */
  readonly version: 0 | 1;
  readonly acceptVersion0: boolean;
}

export class Envelope {
  private readonly options: EnvelopeOptions;
  private readonly nonce = new Uint8Array(nonceBytes);
  private ciphers: Cipher[] = [];
  private revision = -1;

  constructor(options: EnvelopeOptions) {
    this.options = options;
  }

  /** Whether there is a key at all. */
  get active(): boolean {
    return this.options.keyring.size > 0;
  }

  /** Bytes of the encrypted form of a payload. */
  sealedBytes(plainBytes: number): number {
    const padding = this.options.version === 0 ? blockBytes - (plainBytes % blockBytes) : 0;
    return envelopeHeadBytes + plainBytes + padding + tagBytes;
  }

  /**
   * Turns the payload at `bytes[start + 13..end)` into its encrypted form from `start` on, in place; returns the offset
   * behind it. There must be room, see `sealedBytes`.
   */
  seal(bytes: Uint8Array, start: number, end: number, aad: Uint8Array): number {
    const body = start + envelopeHeadBytes;
    let plainEnd = end;
    if (this.options.version === 0) {
      const padding = blockBytes - ((end - body) % blockBytes);
      bytes.fill(padding, end, end + padding);
      plainEnd = end + padding;
    }
    this.options.nonceSource(this.nonce);
    bytes[start] = this.options.version;
    bytes.set(this.nonce, start + 1);
    this.current()[0]!.seal(this.nonce, aad, viewOf(bytes, body, plainEnd), bytes, body);
    return plainEnd + tagBytes;
  }

  /** Opens the encrypted form at `bytes[start..end)` into `plain`. On failure the contents of `plain` mean nothing. */
  open(bytes: Uint8Array, start: number, end: number, aad: Uint8Array, plain: ByteBuffer): DropReason | undefined {
    const version = bytes[start];
    if (start >= end || version! > 1 || (version === 0 && !this.options.acceptVersion0)) return "encryption-version";
    const length = end - start - envelopeHeadBytes - tagBytes;
    if (length < (version === 0 ? blockBytes : 0)) return "decrypt-failed";
    const target = plain.ensure(length);
    this.nonce.set(viewOf(bytes, start + 1, start + envelopeHeadBytes));
    const sealed = viewOf(bytes, start + envelopeHeadBytes, end);
    for (const cipher of this.current()) {
      if (!cipher.open(this.nonce, aad, sealed, target, 0)) continue;
      const kept = version === 0 ? unpadded(target, length) : length;
      if (kept < 0) return "decrypt-failed";
      plain.length = kept;
      return undefined;
    }
    return "decrypt-failed";
  }

  private current(): Cipher[] {
    const { keyring, cipherFactory } = this.options;
    if (this.revision !== keyring.revision) {
      this.ciphers = keyring.keys().map(cipherFactory);
      this.revision = keyring.revision;
    }
    return this.ciphers;
  }
}

/** Length without the padding, or −1 when the padding is not exactly what a sender would have made. */
function unpadded(bytes: Uint8Array, length: number): number {
  const padding = bytes[length - 1]!;
  if (length % blockBytes !== 0 || padding < 1 || padding > blockBytes) return -1;
  for (let i = length - padding; i < length; i++) if (bytes[i] !== padding) return -1;
  return length - padding;
}
