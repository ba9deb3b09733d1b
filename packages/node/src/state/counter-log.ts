/**
 * `stateFile….log`: what this life has counted. Every line says how far the life had come,
 * so that the file may be cut anywhere and read twice. What is counted in one turn of the event loop goes as one line. It is
 * written before the turn is over, and waited for: nobody else can have heard of it before the system has it. Else a process
 * that is killed in between would come back knowing less of what it has counted than others do, and count some of it again.
 * So it survives the end of the process, however sudden; against the loss of power it is safe from the next save of the state
 * file on.
 */

import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import type { CounterTable, LifeDelta } from "@hearsay/state";
import { NodeError } from "../errors.ts";
import { lifeLine, parseLifeLine } from "./life-lines.ts";
import { stateFileError, systemProblem } from "./state-file.ts";

/** Largest file: bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** From this size on, and twice what it takes then, it is written anew, with each tally once: bytes. */
const COMPACT_AT_BYTES = 1024 * 1024;
/** How often it is looked whether the file still stands under its name, as we left it: ms. */
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

export interface LogKeeper {
  problem(error: NodeError): void;
  /** Throws when the files are another node's by now. */
  requireOurs(): void;
}

export class CounterLog {
  readonly #path: string;
  readonly #table: CounterTable;
  readonly #keeper: LogKeeper;
  /** For appending, so that where writing goes on never depends on what others do to the file. */
  #fd: number;
  /** Whole lines in the file: bytes. Behind them may be a part of one that could not be written. */
  #bytes = 0;
  /** How far our lives stand in the file: more than one where somebody else wrote under ours. */
  #written = new Map<string, number>();
  #compactAt = COMPACT_AT_BYTES;
  #lookAt = 0;
  /** The group whose turn is not over yet. */
  #gathering: Promise<void> | undefined;
  /** What has been told of since all was well. */
  readonly #troubles = new Set<string>();
  #closed = false;

  /**
   * Begins the log anew: what it held is in the state file by now.
   * @throws the system's error
   */
  static async begin(
    { path, handle }: Pick<OpenedLog, "path" | "handle">,
    table: CounterTable,
    keeper: LogKeeper,
  ): Promise<CounterLog> {
    await handle.truncate(0);
    await handle.sync();
    await handle.close();
    return new CounterLog(path, table, keeper);
  }

  private constructor(path: string, table: CounterTable, keeper: LogKeeper) {
    this.#path = path;
    this.#table = table;
    this.#keeper = keeper;
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
      this.#write();
    } catch (error) {
      this.#report(`cannot be written: ${systemProblem(error)}`, error);
      throw error;
    }
    this.#troubles.clear();
    if (this.#bytes >= this.#compactAt) this.#compact();
  }

  /** What is new, behind the rest. */
  #write(): void {
    const lines = this.#lines(this.#written);
    try {
      if (this.#bytes + lines.length > MAX_FILE_BYTES) throw new Error("it is full, and could not be written anew");
      writeAll(this.#fd, lines);
    } catch (error) {
      this.#cutBack();
      throw error;
    }
    this.#bytes += lines.length;
    this.#note();
  }

  /** A broken line may stand at the end only. Where it cannot be cut off, the next look finds it before anything goes behind it. */
  #cutBack(): void {
    this.#lookAt = 0;
    try {
      ftruncateSync(this.#fd, this.#bytes);
    } catch {
      // What made the write fail is told.
    }
  }

  /** Where somebody has taken or changed the file, a new one is begun. */
  #keepName(): void {
    const now = performance.now();
    if (now < this.#lookAt) return;
    const problem = this.#nameProblem();
    if (problem !== undefined) {
      this.#keeper.requireOurs();
      this.#report(problem);
      this.#rewrite();
    }
    // Not before all is well: until then nothing that is counted may be called written.
    this.#lookAt = now + LOOK_EVERY_MS;
  }

  #nameProblem(): string | undefined {
    const ours = fstatSync(this.#fd);
    const named = statSync(this.#path, { throwIfNoEntry: false });
    if (!named) return "was removed while in use";
    if (named.ino !== ours.ino || named.dev !== ours.dev) return "was replaced while in use";
    return ours.size === this.#bytes ? undefined : "was changed by somebody else while in use";
  }

  /** All that was counted is in the file already: a failure is told, and tried again later. */
  #compact(): void {
    try {
      this.#rewrite();
    } catch (error) {
      this.#compactAt = 2 * this.#bytes;
      this.#report(`grows, since it cannot be written anew: ${systemProblem(error)}`, error);
    }
  }

  /** Beside it first: there is a whole file at any time, and until the new one has its name we stay with the old one. */
  #rewrite(): void {
    const beside = `${this.#path}.new`;
    const lines = this.#lines(new Map());
    rmSync(beside, { force: true });
    // Exclusive: a link that somebody laid there is not followed.
    const fd = openSync(beside, "ax", 0o600);
    try {
      writeAll(fd, lines);
      renameSync(beside, this.#path);
    } catch (error) {
      closeSync(fd);
      rmSync(beside, { force: true });
      throw error;
    }
    const before = this.#fd;
    this.#fd = fd;
    this.#bytes = lines.length;
    this.#compactAt = Math.max(COMPACT_AT_BYTES, 2 * lines.length);
    this.#note();
    closeSync(before);
  }

  /** All that was counted until now is in the file. */
  #note(): void {
    for (const id of this.#table.ownIds) this.#written.set(id, this.#table.versionOf(id));
  }

  /** All that is new to somebody who knows our lives so far. */
  #lines(known: ReadonlyMap<string, number>): Buffer {
    const deltas = this.#table.ownIds.map((id) => this.#table.deltaOf(id, known.get(id) ?? 0));
    return Buffer.from(deltas.map((delta) => (delta ? lifeLine(delta) : "")).join(""));
  }

  /** A lasting trouble is told once. */
  #report(problem: string, error?: unknown): void {
    if (this.#troubles.has(problem)) return;
    this.#troubles.add(problem);
    this.#keeper.problem(stateFileError(this.#path, problem, error));
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
