/**
 * AES-GCM as this package needs it. It has no cryptography of its own: whoever builds a codec brings a `CipherFactory`
 * (`@hearsay/node` makes one of node:crypto) and a source of nonces.
 */

/** One key, ready for use. 12-byte nonces, 16-byte tags. Synchronous. */
export interface Cipher {
  /**
   * Encrypts `plain` and writes ciphertext and then the tag, `plain.length + 16` bytes, into `target` at `offset`.
   * `plain` may lie in `target` at exactly that offset. All arguments are borrowed for the call.
   */
  seal(nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array, target: Uint8Array, offset: number): void;
  /**
   * Checks the tag at the end of `sealed` and writes the plaintext, `sealed.length − 16` bytes, into `target` at
   * `offset`. False when the tag does not fit; `target` may be written to all the same. Must not throw for any bytes.
   */
  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, target: Uint8Array, offset: number): boolean;
}

/** @param key 16, 24 or 32 bytes; to be copied if it is kept as bytes. */
export type CipherFactory = (key: Uint8Array) => Cipher;

/** Fills 12 bytes with numbers that have not been used with this key before: from a cryptographic random source. */
export type NonceSource = (nonce: Uint8Array) => void;
