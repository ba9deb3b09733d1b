/** AES-GCM of node:crypto behind this package's `Cipher`. For tests only; `@hearsay/node` has the one for use. */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { Cipher } from "../src/cipher.ts";

export function nodeCipher(bytes: Uint8Array): Cipher {
  const key = createSecretKey(bytes);
  const algorithm = `aes-${bytes.length * 8}-gcm` as "aes-128-gcm";
  return {
    seal(nonce, aad, plain, target, offset) {
      const cipher = createCipheriv(algorithm, key, nonce);
      cipher.setAAD(aad);
      target.set(cipher.update(plain), offset);
      cipher.final();
      target.set(cipher.getAuthTag(), offset + plain.length);
    },
    open(nonce, aad, sealed, target, offset) {
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: 16 });
      decipher.setAAD(aad);
      decipher.setAuthTag(sealed.subarray(sealed.length - 16));
      target.set(decipher.update(sealed.subarray(0, sealed.length - 16)), offset);
      try {
        decipher.final();
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** Always the same nonce: what the vectors were sealed with. */
export function fixedNonce(bytes: Uint8Array): (nonce: Uint8Array) => void {
  return (nonce) => nonce.set(bytes);
}
