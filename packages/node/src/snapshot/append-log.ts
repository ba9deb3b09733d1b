/**
 * A file that grows by lines and is now and then written anew, shorter, from the state that its lines add up to. Everything
 * happens in one chain, one step after the other, and never in the caller's time.
 *
 * What is certain at any moment, whoever kills this process: the path holds the old file or the new one, whole but for the
 * line that was being written. The new one is made beside it (`PATH.compact`), synced, and renamed over it.
 *
 * The state in memory is always complete. So lines need not be kept while the file cannot take them: after a write error,
 * or when more wait than is sensible, they are dropped, and the file is written anew from the state as soon as it can be.
 */

import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../errors.ts";
import type { FileSystem } from "./file-system.ts";

/** How long to wait between two tries to write the file anew, after one went wrong: ms. Serf's number. */
const RETRY_MS = 30_000;
/** Lines that may wait for a slow disk: UTF-16 units. A pool of a hundred thousand may be heard of at once. */
const MAX_PENDING = 8 * 1024 * 1024;
/** How much is written at a time: UTF-16 units. */
const CHUNK = 64 * 1024;

export interface AppendLogOptions {
  /** Of the file itself, not of a link to it. */
  readonly path: string;
  /** Opened for appending at that path. Closed by `close`. */
  readonly handle: FileHandle;
  /** What it holds: bytes. Ends with a line feed, or is empty. */
  readonly bytes: number;
  /** Permissions of new files. */
  readonly mode: number;
  /** No file is ever let grow over this: bytes. */
  readonly maxBytes: number;
  /** Lines that say the same as all that were appended. */
  readonly contents: () => Iterable<string>;
  /** The size at which it is written anew, given the size right after the last time: bytes. */
  readonly compactAtBytes: (compactBytes: number) => number;
  /** Gets one line for people. */
  readonly onProblem: (problem: string, cause: unknown) => void;
  readonly fileSystem: FileSystem;
  /** Monotonic: ms. */
  readonly now: () => number;
}

export class AppendLog {
  readonly #options: AppendLogOptions;
  #handle: FileHandle;
  #bytes: number;
  #compactBytes = 0;
  #pending: string[] = [];
  #pendingSize = 0;
  /** The file lacks something, and has to be written anew before anything is appended. `cause` of the first trouble. */
  #lost: { readonly problem: string; readonly cause: unknown } | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #retry: NodeJS.Timeout | undefined;
  #chain: Promise<void> = Promise.resolve();
  #writeQueued = false;
  #intruderTold = false;
  #closed: Promise<void> | undefined;

  constructor(options: AppendLogOptions) {
    this.#options = options;
    this.#handle = options.handle;
    this.#bytes = options.bytes;
  }

  /** @param line one or more whole lines, each with its line feed. Written soon, with whatever else comes in this turn. */
  append(line: string): void {
    if (this.#closed || this.#lost) return;
    this.#pending.push(line);
    this.#pendingSize += line.length;
    if (this.#pendingSize > MAX_PENDING) this.#lose("the disk does not keep up", undefined);
    else this.#queueWrite();
  }

  /**
   * Resolves when all that was appended has been handed to the system; with `sync`, when it is on the disk. Rejects when
   * that cannot be had; the reason was told before.
   */
  flush(options: { readonly sync?: boolean } = {}): Promise<void> {
    return this.#closed ?? this.#do(() => this.#flush(options.sync ?? false));
  }

  /** Flushes, syncs and closes. A second call gives the first one's promise. */
  close(): Promise<void> {
    this.#closed ??= this.#do(async () => {
      clearTimeout(this.#retry);
      try {
        await this.#flush(true);
      } finally {
        await this.#handle.close();
      }
    });
    return this.#closed;
  }

  #do(step: () => Promise<void>): Promise<void> {
    const done = this.#chain.then(step);
    this.#chain = done.catch(() => {});
    return done;
  }

  #queueWrite(): void {
    if (this.#writeQueued || this.#closed) return;
    this.#writeQueued = true;
    this.#do(() => {
      this.#writeQueued = false;
      return this.#write(false);
    });
  }

  async #flush(sync: boolean): Promise<void> {
    await this.#write(true);
    if (this.#lost) throw new Error(this.#lost.problem, { cause: this.#lost.cause });
    if (sync) await this.#handle.sync();
  }

  /** @param urgent somebody waits: try to mend what is broken at once. */
  async #write(urgent: boolean): Promise<void> {
    if (!this.#lost) await this.#appendPending();
    const tooLong = this.#bytes > this.#options.compactAtBytes(this.#compactBytes);
    if (!this.#lost && !tooLong) return;
    const now = this.#options.now();
    if (now >= this.#retryAt || (urgent && this.#lost)) await this.#rewrite(now);
    if (this.#lost) this.#retryLater();
  }

  async #appendPending(): Promise<void> {
    const text = this.#pending.join("");
    this.#forgetPending();
    if (text === "") return;
    const bytes = Buffer.from(text);
    if (this.#bytes + bytes.length > this.#options.maxBytes) return this.#lose("has grown too large", undefined);
    try {
      await this.#handle.appendFile(bytes);
      this.#bytes += bytes.length;
      await this.#lookForIntruders();
    } catch (error) {
      this.#lose(`cannot be written (${reason(error)})`, error);
    }
  }

  /** A file of the same path that is not ours, or not only ours. Node has no lock to forbid it; it can be seen, though. */
  async #lookForIntruders(): Promise<void> {
    const { fileSystem, path, onProblem } = this.#options;
    const ours = await this.#handle.stat({ bigint: true });
    const there = await fileSystem.stat(path).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (there?.ino !== ours.ino || there.dev !== ours.dev) {
      this.#lose(there ? "was replaced by another process" : "was removed while in use", undefined);
    } else if (Number(ours.size) !== this.#bytes) {
      this.#bytes = Number(ours.size);
      if (!this.#intruderTold)
        onProblem("is written to by another process too; give every node a file of its own", undefined);
      this.#intruderTold = true;
    }
  }

  /** Never throws: what went wrong is told, and stays lost. */
  async #rewrite(now: number): Promise<void> {
    const { path, mode, contents, fileSystem, onProblem } = this.#options;
    const lost = this.#lost;
    const taken = this.#pending;
    if (lost) this.#retryAt = now + RETRY_MS;
    this.#lost = undefined;
    // From here on lines gather anew; those before are in the contents.
    this.#forgetPending();
    const lines = contents();
    const beside = `${path}.compact`;
    let fresh: FileHandle | undefined;
    try {
      await fileSystem.rm(beside, { force: true });
      // Exclusive: a link that somebody laid there is not followed.
      fresh = await fileSystem.open(beside, "ax", mode);
      const bytes = await writeAll(fresh, lines);
      await fresh.sync();
      await fileSystem.rename(beside, path);
      [this.#handle, fresh] = [fresh, this.#handle];
      this.#bytes = this.#compactBytes = bytes;
    } catch (error) {
      this.#retryAt = now + RETRY_MS;
      if (fresh) await fileSystem.rm(beside, { force: true }).catch(() => {});
      const problem = `cannot be written anew (${reason(error)})`;
      onProblem(`${problem}; ${beside} must be writable`, error);
      if (lost) {
        this.#lost ??= lost;
        this.#forgetPending();
      } else {
        // The old file is sound, and goes on.
        this.#pending = [...taken, ...this.#pending];
        this.#pendingSize = this.#pending.reduce((size, line) => size + line.length, 0);
        if (this.#pending.length > 0) this.#queueWrite();
      }
    }
    await fresh?.close().catch(() => {});
    await this.#syncFolder();
  }

  /** Or else the name might still lead to the old file after a power failure. Not everywhere possible. */
  async #syncFolder(): Promise<void> {
    const folder = await this.#options.fileSystem.open(dirname(this.#options.path), "r").catch(() => undefined);
    await folder?.sync().catch(() => {});
    await folder?.close().catch(() => {});
  }

  #lose(problem: string, cause: unknown): void {
    this.#forgetPending();
    if (!this.#lost) this.#options.onProblem(`${problem}; it is written anew when that is possible`, cause);
    this.#lost ??= { problem, cause };
    this.#queueWrite();
  }

  #forgetPending(): void {
    this.#pending = [];
    this.#pendingSize = 0;
  }

  #retryLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    const wait = Math.max(this.#retryAt - this.#options.now(), 0);
    this.#retry = setTimeout(() => this.#queueWrite(), wait).unref();
  }
}

/** Resolves to the bytes written. */
async function writeAll(handle: FileHandle, lines: Iterable<string>): Promise<number> {
  let total = 0;
  let chunk = "";
  const write = async () => {
    const bytes = Buffer.from(chunk);
    chunk = "";
    await handle.appendFile(bytes);
    total += bytes.length;
  };
  for (const line of lines) {
    chunk += line;
    if (chunk.length >= CHUNK) await write();
  }
  await write();
  return total;
}

function reason(error: unknown): string {
  return systemCode(error) ?? String(error);
}
