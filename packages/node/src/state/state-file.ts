/**
 * `stateFile`: what outlives the process of the shared map and the counters. Read once at the start, within bounds; written as a
 * whole, beside it and by a rename, so that whoever reads it, or kills us, finds the old one or the new one.
 *
 *     {"hearsay":"state","version":1,"generation":…,"savedMs":…,"sharedBytes":…,"sharedCrc32":…,"lives":…}
 *     the shared map, so many bytes (`ReplicatedState.saveShared`)
 *     a line for each life of each counter (life-lines.ts)
 */

import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { LifeDelta } from "@hearsay/state";
import { NodeError, systemCode } from "../errors.ts";
import { lifeLine, parseLifeLine } from "./life-lines.ts";

/** Largest file: bytes. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
/** Longest first line: bytes. */
const MAX_HEADER_BYTES = 1024;
const FORMAT_VERSION = 1;
/** No life has this number or a later one. */
const MAX_GENERATION = 2 ** 52;
/** How much is written at a time: UTF-16 units. */
const CHUNK = 256 * 1024;

export interface SavedState {
  /** Which life of its node wrote it. */
  readonly generation: number;
  /** Wall-clock ms. */
  readonly savedMs: number;
  readonly shared: Uint8Array;
  readonly lives: Iterable<LifeDelta>;
}

interface Header {
  readonly hearsay: "state";
  readonly version: number;
  readonly generation: number;
  readonly savedMs: number;
  readonly sharedBytes: number;
  readonly sharedCrc32: number;
  readonly lives: number;
}

/**
 * Undefined: there is none yet.
 * @throws NodeError STATE_FILE; nothing was changed
 */
export async function readStateFile(path: string): Promise<(SavedState & { readonly lives: LifeDelta[] }) | undefined> {
  const bytes = await readWhole(path);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(10);
  const header = lineEnd < 0 ? undefined : headerOf(bytes.toString("utf8", 0, lineEnd));
  if (!header)
    throw stateFileError(
      path,
      "is no file of replicated state, and would be overwritten; give another path, or remove it",
    );
  if (header.version !== FORMAT_VERSION)
    throw stateFileError(path, `was written by a later release (format ${header.version}); use that, or remove it`);
  const shared = bytes.subarray(lineEnd + 1, lineEnd + 1 + header.sharedBytes);
  const lines = bytes.toString("utf8", lineEnd + 1 + header.sharedBytes).split("\n");
  const lives = lines.slice(0, -1).map(parseLifeLine);
  const isWhole = shared.length === header.sharedBytes && crc32(shared) === header.sharedCrc32 && lines.at(-1) === "";
  if (!isWhole || lives.length !== header.lives || lives.includes(undefined))
    throw stateFileError(path, "is damaged; restore it from a backup, or remove it to begin with what the pool knows");
  const { generation, savedMs } = header;
  return { generation, savedMs, shared: Uint8Array.from(shared), lives: lives as LifeDelta[] };
}

/**
 * Resolves when it is on the disk.
 * @throws NodeError STATE_FILE; the file is as it was
 */
export async function writeStateFile(path: string, state: SavedState): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const beside = `${target}.new`;
  let file: FileHandle | undefined;
  try {
    const lines = Array.from(state.lives, lifeLine);
    await rm(beside, { force: true });
    // Exclusive: a link that somebody laid there is not followed.
    file = await open(beside, "ax", 0o600);
    await writeParts(file, state, lines);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(beside, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(beside, { force: true }).catch(() => {});
    throw stateFileError(path, `cannot be written: ${systemProblem(error)}`, error);
  }
}

/** Which life wrote it; undefined where none did. At once, and of its first line only. */
export function writerOfStateFile(path: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const bytes = Buffer.alloc(MAX_HEADER_BYTES);
    const line = bytes.toString("utf8", 0, readSync(fd, bytes)).split("\n")[0]!;
    return headerOf(line)?.generation;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** One line about the file at this path. */
export function stateFileError(path: string, problem: string, cause?: unknown): NodeError {
  const details = cause === undefined ? { option: "stateFile" } : { option: "stateFile", cause };
  return new NodeError("STATE_FILE", `stateFile: ${JSON.stringify(path)} ${problem}`, details);
}

/** What a system error means, as the end of a line. */
export function systemProblem(error: unknown): string {
  const code = systemCode(error);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "its folder does not exist; make that first";
    case "EISDIR":
      return "it is a folder; give the path of a file in it";
    case "ENOSPC":
      return "the disk is full";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `this user may not (${code})`;
    default:
      return code ?? (error instanceof Error ? error.message : String(error));
  }
}

async function writeParts(file: FileHandle, state: SavedState, lines: readonly string[]): Promise<void> {
  const { generation, savedMs, shared } = state;
  const header: Header = {
    hearsay: "state",
    version: FORMAT_VERSION,
    generation,
    savedMs,
    sharedBytes: shared.length,
    sharedCrc32: crc32(shared),
    lives: lines.length,
  };
  await file.appendFile(`${JSON.stringify(header)}\n`);
  await file.appendFile(shared);
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK) continue;
    await file.appendFile(chunk);
    chunk = "";
  }
  await file.appendFile(chunk);
}

async function readWhole(path: string): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const stats = await file.stat();
    if (!stats.isFile())
      throw stateFileError(path, "is no regular file; give the path of a file, which is made if missing");
    if (stats.size > MAX_FILE_BYTES)
      throw stateFileError(path, `is larger than ${MAX_FILE_BYTES >> 20} MiB; is it the right one?`);
    return await file.readFile();
  } catch (error) {
    if (error instanceof NodeError) throw error;
    if (systemCode(error) === "ENOENT") return undefined;
    throw stateFileError(path, `cannot be read: ${systemProblem(error)}`, error);
  } finally {
    await file?.close();
  }
}

function headerOf(line: string): Header | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const header = value as Header;
  const numbers = [
    header.version,
    header.generation,
    header.savedMs,
    header.sharedBytes,
    header.sharedCrc32,
    header.lives,
  ];
  const isHeader = header.hearsay === "state" && numbers.every((n) => Number.isSafeInteger(n) && n >= 0);
  return isHeader && header.generation < MAX_GENERATION ? header : undefined;
}

/** Or else the name might still lead to the old file after a power failure. Not everywhere possible. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close().catch(() => {});
}
