/**
 * A key query as the one who is asked sees it: changes the ring, and says how that went (serf protocol notes, sections 10
 * and 11). Whoever can send us an encrypted message may do this; without a ring there is nothing to do.
 */
import { toBase64 } from "./base64.ts";
import { encodeKeyResponse, type KeyResponse, readKeyRequest } from "./key-messages.ts";
import type { KeyOperation, KeyringPort } from "./types.ts";

/** Serf's guess of what one key takes in an answer: bytes. */
const bytesPerKey = 25;

const noKeyring = "No keyring to modify (encryption not enabled)";
const emptyKeyring = "Keyring is empty (encryption not enabled)";

/** By the name of the query behind its prefix. */
export const keyQueries: ReadonlyMap<string, KeyOperation> = new Map([
  ["install-key", "install"],
  ["use-key", "use"],
  ["remove-key", "remove"],
  ["list-keys", "list"],
]);

/**
 * Carries the operation out and returns the encoded answer.
 * @param fits whether an answer of so many bytes, encoded, is within the limit for responses
 */
export function answerKeyQuery(
  operation: KeyOperation,
  payload: Uint8Array | null,
  keyring: KeyringPort | undefined,
  fits: (bytes: number) => boolean,
  sizeLimit: number,
): Uint8Array {
  if (operation === "list") return listKeys(keyring, fits, sizeLimit);
  const response: KeyResponse = { result: false, message: "", keys: null, primaryKey: "" };
  const key = readKeyRequest(payload);
  if (!key) response.message = "Invalid key request";
  else if (!keyring || keyring.keys().length === 0) response.message = noKeyring;
  else if (operation === "install" && key.length !== 16 && key.length !== 24 && key.length !== 32) {
    // To use such a key, or to remove it, is for the ring to judge, as with Serf: it is one that is not there.
    response.message = "key size must be 16, 24 or 32 bytes";
  } else {
    try {
      keyring[operation](key.slice());
      response.result = true;
    } catch (error) {
      response.message = error instanceof Error ? error.message : String(error);
    }
  }
  while (!fits(encodeKeyResponse(response).length) && response.message.length > 0) {
    response.message = response.message.slice(0, response.message.length >> 1);
  }
  return encodeKeyResponse(response);
}

/** As many keys as fit; a list that was cut says so. */
function listKeys(keyring: KeyringPort | undefined, fits: (bytes: number) => boolean, sizeLimit: number): Uint8Array {
  const keys = keyring?.keys().map(toBase64) ?? [];
  if (keys.length === 0) {
    return encodeKeyResponse({ result: false, message: emptyKeyring, keys: null, primaryKey: "" });
  }
  const atMost = Math.min(Math.floor(sizeLimit / bytesPerKey), keys.length);
  for (let count = atMost; count > 0; count--) {
    const message =
      count === keys.length ? "" : `truncated key list response, showing first ${count} of ${keys.length} keys`;
    const answer = encodeKeyResponse({ result: true, message, keys: keys.slice(0, count), primaryKey: keys[0]! });
    if (fits(answer.length)) return answer;
  }
  return encodeKeyResponse({
    result: false,
    message: "the list of keys exceeds the limit",
    keys: null,
    primaryKey: "",
  });
}
