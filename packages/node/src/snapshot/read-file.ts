/** Opens a snapshot's file, reads it within bounds, and leaves it so that the next line begins a line. */

import { type FileHandle, open, realpath } from "node:fs/promises";
import { NodeError, show, systemCode } from "../errors.ts";
import { Replay } from "./replay.ts";
import type { SnapshotState } from "./state.ts";

/** Largest file: bytes. A pool of 200,000 with names of 255 bytes fits. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 64 * 1024;

export interface OpenedFile {
  /** Of the file itself, not of a link to it. */
  readonly path: string;
  /** For appending. */
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly mode: number;
  readonly state: SnapshotState;
  /** What was passed over, if anything was. */
  readonly warning: string | undefined;
}

/** @throws NodeError SNAPSHOT */
export async function openFile(path: string, options: { readonly rejoinAfterLeave: boolean }): Promise<OpenedFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "a+", 0o644);
    // A link stays a link: the file behind it is the one that is written anew.
    const real = await realpath(path);
    const stats = await handle.stat();
    if (!stats.isFile())
      throw snapshotError(path, "is no regular file; give the path of a file, which is made if missing");
    if (stats.size > MAX_FILE_BYTES) throw tooLarge(path);
    const replay = await read(handle, path, options);
    if (replay.isForeign) {
      throw snapshotError(path, "is no snapshot, and would be overwritten; give another path, or remove it");
    }
    const { state, completeBytes, skipped, firstSkipped } = replay;
    // Not ended with a line feed instead: half a number is a number.
    if (completeBytes < stats.size) await handle.truncate(completeBytes);
    const warning =
      firstSkipped &&
      `has ${skipped} lines that are no records, passed over; line ${firstSkipped.line}: ${show(firstSkipped.text)}`;
    return { path: real, handle, bytes: completeBytes, mode: stats.mode & 0o777, state, warning };
  } catch (error) {
    await handle?.close().catch(() => {});
    throw error instanceof NodeError ? error : snapshotError(path, systemProblem(error), error);
  }
}

export function snapshotError(path: string, problem: string, cause?: unknown): NodeError {
  const details = cause === undefined ? { option: "snapshotPath" } : { option: "snapshotPath", cause };
  return new NodeError("SNAPSHOT", `snapshotPath: ${JSON.stringify(path)} ${problem}`, details);
}

async function read(
  handle: FileHandle,
  path: string,
  options: { readonly rejoinAfterLeave: boolean },
): Promise<Replay> {
  const replay = new Replay(options);
  const buffer = new Uint8Array(READ_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, at);
    if (bytesRead === 0) return replay;
    at += bytesRead;
    if (at > MAX_FILE_BYTES) throw tooLarge(path);
    replay.push(buffer.subarray(0, bytesRead));
  }
}

function tooLarge(path: string): NodeError {
  return snapshotError(path, `is larger than ${MAX_FILE_BYTES >> 20} MiB; move it away, and the node begins a new one`);
}

function systemProblem(error: unknown): string {
  const code = systemCode(error);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "cannot be made: its folder does not exist; make that first";
    case "EISDIR":
      return "is a folder; give the path of a file in it";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `cannot be opened for reading and writing (${code}); allow this user both`;
    default:
      return `cannot be opened (${code ?? String(error)})`;
  }
}
