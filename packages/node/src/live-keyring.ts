/**
 * The codec's keyring as key queries change it, kept in a file where there is one. Words of refusals are Serf's, for they
 * go to whoever asked (Serf protocol notes, section 11.2).
 */

import type { KeyringPort } from "@hearsay/serf";
import { type Keyring, KeyringError, type KeyringErrorCode } from "@hearsay/wire";
import { writeKeyringFile } from "./keyring-file.ts";

/** More keys than rotation needs. Each is tried on every packet that the others do not open. */
const MAX_KEYS = 256;

const words: Readonly<Record<KeyringErrorCode, string>> = {
  "key-length": "key size must be 16, 24 or 32 bytes",
  "key-unknown": "requested key is not in the keyring",
  "key-primary": "removing the primary key is not allowed",
};

export class LiveKeyring implements KeyringPort {
  readonly #ring: Keyring;
  readonly #path: string | undefined;
  readonly #write: typeof writeKeyringFile;

  /** `path`: rewritten after every successful operation; without one the ring lives in memory only. */
  constructor(ring: Keyring, path: string | undefined, write = writeKeyringFile) {
    this.#ring = ring;
    this.#path = path;
    this.#write = write;
  }

  install(key: Uint8Array): void {
    if (this.#ring.size >= MAX_KEYS && !this.#ring.has(key)) {
      throw new Error(`the keyring is full (${MAX_KEYS} keys); remove old keys first`);
    }
    this.#change(() => this.#ring.add(key));
  }

  use(key: Uint8Array): void {
    this.#change(() => this.#ring.use(key));
  }

  remove(key: Uint8Array): void {
    this.#change(() => this.#ring.remove(key));
  }

  keys(): readonly Uint8Array[] {
    return this.#ring.keys();
  }

  /** Written also when nothing has changed, as Serf does: an operation repeated after a failed write mends the file. */
  #change(change: () => void): void {
    try {
      change();
    } catch (error) {
      throw error instanceof KeyringError ? new Error(words[error.code]) : error;
    }
    if (this.#path === undefined) return;
    try {
      this.#write(this.#path, this.#ring.keys());
    } catch (error) {
      // The ring in memory stays changed, as Serf's does: the pool goes on with the key whatever our disk says.
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Failed to write keyring file: ${reason}`, { cause: error });
    }
  }
}
