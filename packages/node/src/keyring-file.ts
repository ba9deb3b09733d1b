/**
 * The file that keeps a node's keys: a JSON array of base64, primary first (Serf protocol notes, section 11.2). Read once at
 * the start; rewritten as a whole after each change, by way of a file beside it and a rename, so that whoever reads it, or
 * kills us, finds the old list or the new one. No key stands in an error.
 */

import { closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { threadId } from "node:worker_threads";
import { NodeError, systemCode } from "./errors.ts";
import { checkKey } from "./options.ts";

/** Far more than a ring of keys that packets are tried against can sensibly hold. */
const MAX_FILE_BYTES = 64 * 1024;

/** @throws NodeError KEYRING_FILE */
export async function readKeyringFile(path: string): Promise<Uint8Array[]> {
  const text = await readText(path);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    // The parser's own message may quote what stands there.
    throw refusal(path, "is no JSON; want an array of keys in base64");
  }
  if (!Array.isArray(list)) throw refusal(path, "holds no JSON array; want one of keys in base64");
  // The end is in Serf's words.
  if (list.length === 0) throw refusal(path, "is empty: Keyring file contains no keys");
  return list.map((entry: unknown, i) => {
    const problem = `has no key at place ${i + 1}`;
    if (typeof entry !== "string") throw refusal(path, `${problem}: it is no text`);
    try {
      return checkKey("keyringFile", entry, problem);
    } catch (error) {
      throw refusal(path, error instanceof Error ? error.message : problem);
    }
  });
}

/**
 * Writes the keys before it returns: the answer to the pool that a key is installed must not be lost with the process.
 * @throws the system's error; the file is as it was
 */
export function writeKeyringFile(path: string, keys: readonly Uint8Array[]): void {
  const text = JSON.stringify(
    keys.map((key) => Buffer.from(key).toString("base64")),
    undefined,
    2,
  );
  const target = behindLinks(path);
  // Nodes of one process may share a file, each in a thread of its own.
  const beside = `${target}.${process.pid}.${threadId}.tmp`;
  try {
    // Never into a file that was there, whose mode would be somebody else's.
    rmSync(beside, { force: true });
    const file = openSync(beside, "wx", 0o600);
    try {
      // Not `writeSync`, which on a full disk writes what still fits and says how much.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** A link stays a link to the file that changes. */
function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // Gone: it is made anew.
  }
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1), 0, MAX_FILE_BYTES + 1, 0);
      if (bytesRead > MAX_FILE_BYTES) throw refusal(path, `is larger than ${MAX_FILE_BYTES} bytes; is it a keyring?`);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof NodeError) throw error;
    const code = systemCode(error);
    if (code === "ENOENT") throw refusal(path, "does not exist; make it with a JSON array of one or more keys", error);
    throw refusal(path, `cannot be read (${code ?? String(error)})`, error);
  }
}

function refusal(path: string, problem: string, cause?: unknown): NodeError {
  const details = cause === undefined ? { option: "keyringFile" } : { option: "keyringFile", cause };
  return new NodeError("KEYRING_FILE", `keyringFile: ${JSON.stringify(path)} ${problem}`, details);
}
