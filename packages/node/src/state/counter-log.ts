/**
 * `stateFile….log`: what this life has counted since the state file was written. Every line says how far the life had come,
 * so that the file may be cut anywhere and read twice. What is counted in one turn of the event loop goes as one line; whoever
 * counted hears of it when the system has it. So it survives the end of the process, however sudden; against the loss of power it
 * is safe from the next save of the state file on.
 */

import { type FileHandle, open, realpath } from "node:fs/promises";
import type { CounterTable, LifeDelta } from "@hearsay/state";
import { NodeError } from "../errors.ts";
import { AppendLog } from "../snapshot/append-log.ts";
import { realFileSystem } from "../snapshot/file-system.ts";
import { lifeLine, parseLifeLine } from "./life-lines.ts";
import { stateFileError, systemProblem } from "./state-file.ts";

/** Largest file: bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Below this it is never written anew: bytes. */
const COMPACT_AT_BYTES = 1024 * 1024;

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
  readonly #table: CounterTable;
  readonly #log: AppendLog;
  /** How far our life stands in the file, or is on its way there. */
  #written = 0;
  /** The group whose turn is not over yet, and the one that is being written. */
  #gathering: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  /**
   * Begins the log anew: what it held is in the state file by now.
   * @throws the system's error
   */
  static async begin(
    opened: OpenedLog,
    table: CounterTable,
    onProblem: (error: NodeError) => void,
  ): Promise<CounterLog> {
    await opened.handle.truncate(0);
    await opened.handle.sync();
    return new CounterLog(opened, table, onProblem);
  }

  private constructor({ path, handle }: OpenedLog, table: CounterTable, onProblem: (error: NodeError) => void) {
    this.#table = table;
    this.#log = new AppendLog({
      path,
      handle,
      bytes: 0,
      mode: 0o600,
      maxBytes: MAX_FILE_BYTES,
      contents: () => this.#lines(0),
      compactAtBytes: (compactBytes) => Math.max(COMPACT_AT_BYTES, 2 * compactBytes),
      onProblem: (problem, cause) => onProblem(stateFileError(path, problem, cause)),
      fileSystem: realFileSystem,
      now: () => performance.now(),
    });
  }

  /**
   * Resolves when all that was counted until now has been handed to the system.
   * @throws the system's error, or what keeps the log from being written
   */
  commit(): Promise<void> {
    this.#gathering ??= this.#group();
    return this.#gathering;
  }

  /** Writes what is left, to the disk, and closes the file. */
  close(): Promise<void> {
    this.#append();
    return this.#log.close();
  }

  async #group(): Promise<void> {
    await this.#writing.catch(() => {});
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#gathering = undefined;
    this.#append();
    this.#writing = this.#log.flush();
    await this.#writing;
  }

  #append(): void {
    for (const line of this.#lines(this.#written)) this.#log.append(line);
    this.#written = this.#table.versionOf(this.#table.ownId);
  }

  /** All that is new to somebody who knows our life up to `from`. */
  #lines(from: number): string[] {
    const delta = this.#table.deltaOf(this.#table.ownId, from);
    return delta ? [lifeLine(delta)] : [];
  }
}
