/**
 * `stateFile….log`: what this life has counted since the state file was written. Every line says how far the life had come,
 * so that the file may be cut anywhere and read twice. What is counted in one turn of the event loop goes as one line. It is
 * written before the turn is over, and waited for: nobody else can have heard of it before the system has it. Else a process
 * that is killed in between would come back knowing less of what it has counted than others do, and count some of it again.
 * So it survives the end of the process, however sudden; against the loss of power it is safe from the next save of the state
 * file on.
 */

import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, renameSync, writeSync } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import type { CounterTable, LifeDelta } from "@hearsay/state";
import { NodeError } from "../errors.ts";
import { lifeLine, parseLifeLine } from "./life-lines.ts";
import { stateFileError, systemProblem } from "./state-file.ts";

/** Largest file: bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** From this size on it is written anew, with each tally once: bytes. Many times what the most counters take. */
const COMPACT_AT_BYTES = 1024 * 1024;
/** How often it is looked whether the file still has its name: ms. */
const LOOK_EVERY_MS = 1000;

/** A log of an earlier life, read; open for the next. */
export interface OpenedLog {
  readonly path: string;
  readonly handle: FileHandle;
  readonly lives: readonly LifeDelta[];
  /** How much of a broken last line was passed over: bytes. */
  readonly tornBytes: number;
}

/** @throws NodeError STATE_FILE; nothing was changed */
export async function openCounterLog(path: string): Promise<OpenedLog> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "a+", 0o600);
    const stats = await handle.stat();
    if (!stats.isFile()) throw stateFileError(path, "is no regular file; the log of what was counted has to be there");
    if (stats.size > MAX_FILE_BYTES)
      throw stateFileError(path, `is larger than ${MAX_FILE_BYTES >> 20} MiB; is it a log?`);
    return { path: await realpath(path), handle, ...readLives(path, await handle.readFile()) };
  } catch (error) {
    await handle?.close().catch(() => {});
    throw error instanceof NodeError ? error : stateFileError(path, `cannot be opened: ${systemProblem(error)}`, error);
  }
}

/** Bad lines at the end were torn off by a crash; one with a good line behind it is damage. */
function readLives(path: string, bytes: Buffer): { lives: LifeDelta[]; tornBytes: number } {
  const lives: LifeDelta[] = [];
  let goodBytes = 0;
  let isTorn = false;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const life = end < 0 ? undefined : parseLifeLine(bytes.toString("utf8", at, end));
    if (life && isTorn)
      throw stateFileError(
        path,
        `is damaged at byte ${goodBytes}; restore it from a backup, or remove it and lose what it holds`,
      );
    if (life) {
      lives.push(life);
      goodBytes = end + 1;
    } else isTorn = true;
    at = end < 0 ? bytes.length : end + 1;
  }
  return { lives, tornBytes: bytes.length - goodBytes };
}

export class CounterLog {
  readonly #path: string;
  readonly #table: CounterTable;
  readonly #onProblem: (error: NodeError) => void;
  #fd: number;
  /** Whole lines in the file: bytes. Behind them may be a part of one that could not be written. */
  #bytes = 0;
  /** How far our lives stand in the file: more than one where somebody else wrote under ours. */
  #written: ReadonlyMap<string, number> = new Map();
  #lookAt = 0;
  /** The group whose turn is not over yet. */
  #gathering: Promise<void> | undefined;
  #trouble = "";
  #closed = false;

  /**
   * Begins the log anew: what it held is in the state file by now.
   * @throws the system's error
   */
  static async begin(
    { path, handle }: Pick<OpenedLog, "path" | "handle">,
    table: CounterTable,
    onProblem: (error: NodeError) => void,
  ): Promise<CounterLog> {
    await handle.truncate(0);
    await handle.sync();
    await handle.close();
    return new CounterLog(path, table, onProblem);
  }

  private constructor(path: string, table: CounterTable, onProblem: (error: NodeError) => void) {
    this.#path = path;
    this.#table = table;
    this.#onProblem = onProblem;
    this.#fd = openSync(path, "a", 0o600);
  }

  /**
   * Resolves when all that was counted in this turn of the event loop has been handed to the system, which is before its end.
   * @throws the system's error
   */
  commit(): Promise<void> {
    this.#gathering ??= Promise.resolve().then(() => {
      this.#gathering = undefined;
      this.#append();
    });
    return this.#gathering;
  }

  /** Writes what is left, to the disk, and closes the file. @throws the system's error */
  close(): void {
    if (this.#closed) return;
    try {
      this.#append();
      fsyncSync(this.#fd);
    } finally {
      this.#closed = true;
      closeSync(this.#fd);
    }
  }

  #append(): void {
    if (this.#closed) return;
    try {
      this.#keepName();
      this.#write(this.#lines(this.#written));
      if (this.#bytes >= COMPACT_AT_BYTES) this.#rewrite();
      this.#trouble = "";
    } catch (error) {
      this.#report(`cannot be written: ${systemProblem(error)}`, error);
      throw error;
    }
  }

  #write(lines: Buffer): void {
    const written = new Map(this.#table.ownIds.map((id) => [id, this.#table.versionOf(id)]));
    try {
      for (let at = 0; at < lines.length; ) at += writeSync(this.#fd, lines, at);
    } catch (error) {
      // A broken line may stand at the end only.
      ftruncateSync(this.#fd, this.#bytes);
      throw error;
    }
    this.#bytes += lines.length;
    this.#written = written;
  }

  /** Where somebody has taken the file away, a new one is begun. */
  #keepName(): void {
    const now = performance.now();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_EVERY_MS;
    const { nlink, size } = fstatSync(this.#fd);
    if (nlink > 0 && size === this.#bytes) return;
    this.#report(nlink === 0 ? "was removed while in use" : "was changed by somebody else while in use");
    this.#rewrite();
  }

  /** What stands in it goes beside it first: there is a whole file at any time. */
  #rewrite(): void {
    const beside = `${this.#path}.new`;
    const fd = openSync(beside, "w", 0o600);
    const before = this.#fd;
    this.#fd = fd;
    this.#bytes = 0;
    this.#write(this.#lines(new Map()));
    renameSync(beside, this.#path);
    closeSync(before);
  }

  /** All that is new to somebody who knows our lives so far. */
  #lines(known: ReadonlyMap<string, number>): Buffer {
    const deltas = this.#table.ownIds.map((id) => this.#table.deltaOf(id, known.get(id) ?? 0));
    return Buffer.from(deltas.map((delta) => (delta ? lifeLine(delta) : "")).join(""));
  }

  /** A lasting trouble is told once. */
  #report(problem: string, error?: unknown): void {
    if (problem === this.#trouble) return;
    this.#trouble = problem;
    this.#onProblem(stateFileError(this.#path, problem, error));
  }
}
