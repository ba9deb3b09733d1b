/** What a node keeps of replicated state over a restart: `stateFile` (state-file.ts) and its log (counter-log.ts), read at the start and kept up. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ExtendedSerf } from "@hearsay/extended";
import { type LifeDelta, StateError } from "@hearsay/state";
import type { Logger } from "../api.ts";
import { NodeError } from "../errors.ts";
import { CounterLog, type OpenedLog, openCounterLog } from "./counter-log.ts";
import { readStateFile, stateFileError, systemProblem, writerOfStateFile, writeStateFile } from "./state-file.ts";
import type { StateSettings } from "./state-options.ts";

/** How long the end of a node waits for the disk: ms. */
const DISK_TIMEOUT_MS = 5000;

/** The machine's part. */
export type StoredMachine = Pick<ExtendedSerf, "state" | "counters" | "restoreShared" | "setWallClock">;

interface Past {
  /** When it was saved: wall-clock ms. */
  readonly savedMs: number;
  readonly shared: Uint8Array | undefined;
  readonly lives: readonly LifeDelta[];
}

export class StateStore {
  /** Every later life of this node has a higher number than this. */
  readonly lastGeneration: number;
  readonly #path: string;
  readonly #intervalMs: number;
  readonly #logger: Logger | undefined;
  readonly #opened: OpenedLog;
  #past: Past | undefined;
  #machine: StoredMachine | undefined;
  #log: CounterLog | undefined;
  #timer: NodeJS.Timeout | undefined;
  #savedPrint = "";
  /** The latest time that any life of ours has saved at: wall-clock ms. */
  #savedMs = 0;
  #chain: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Reads what is there. Undefined without a path.
   * @throws NodeError STATE_FILE; nothing was changed
   */
  static async open(settings: StateSettings | undefined, logger: Logger | undefined): Promise<StateStore | undefined> {
    if (settings?.file === undefined) return undefined;
    // The same file also after the process has gone to another folder.
    const path = resolve(settings.file);
    const saved = await readStateFile(path);
    const opened = await openCounterLog(`${path}.log`);
    const past = {
      savedMs: saved?.savedMs ?? 0,
      shared: saved?.shared,
      lives: [...(saved?.lives ?? []), ...opened.lives],
    };
    return new StateStore(path, settings.saveIntervalMs, opened, past, saved?.generation ?? 0, logger);
  }

  private constructor(
    path: string,
    intervalMs: number,
    opened: OpenedLog,
    past: Past,
    lastGeneration: number,
    logger: Logger | undefined,
  ) {
    this.lastGeneration = lastGeneration;
    this.#path = path;
    this.#intervalMs = intervalMs;
    this.#opened = opened;
    this.#past = past;
    this.#logger = logger;
    const { tornBytes } = opened;
    if (tornBytes > 0) {
      const line = `stateFile: the last ${tornBytes} bytes of ${JSON.stringify(opened.path)} were not written to their end, and are cut off`;
      logger?.warn({ tornBytes }, line);
    }
  }

  /**
   * Hands the machine what was kept, before it starts; then begins the files of this life.
   * @throws NodeError STATE_FILE
   */
  async begin(machine: StoredMachine, now: number): Promise<void> {
    this.#machine = machine;
    this.#restore(machine, now);
    await this.save();
    try {
      this.#log = await CounterLog.begin(this.#opened, machine.counters, {
        problem: (error) => this.#report(error),
        requireOurs: () => this.#requireOurs(),
      });
    } catch (error) {
      throw stateFileError(this.#opened.path, `cannot be written: ${systemProblem(error)}`, error);
    }
    if (this.#closed) return;
    this.#timer = setInterval(() => this.#saveNews(), this.#intervalMs).unref();
  }

  /**
   * Resolves when what was counted until now survives the end of this process.
   * @throws NodeError STATE_FILE
   */
  async counted(): Promise<void> {
    try {
      await this.#log?.commit();
    } catch (error) {
      throw stateFileError(this.#opened.path, `lacks what was counted: ${systemProblem(error)}`, error);
    }
  }

  /**
   * Resolves when all that is known at this moment, or a little later, is on the disk.
   * @throws NodeError STATE_FILE
   */
  save(): Promise<void> {
    this.#queued ??= this.#do(() => {
      this.#queued = undefined;
      return this.#write();
    });
    return this.#queued;
  }

  /** Writes the last of it and closes the files; resolves when that is done, or cannot be. Again: the same promise. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const problem = `was not brought to the disk: that took longer than ${DISK_TIMEOUT_MS} ms`;
      timer = setTimeout(() => reject(stateFileError(this.#path, problem)), DISK_TIMEOUT_MS);
    });
    try {
      // The log first: it is short, and what it holds was promised. Where that fails, the state file may still take it.
      this.#closeLog();
      await Promise.race([this.#log ? this.save() : this.#opened.handle.close(), late]);
    } catch (error) {
      this.#report(error instanceof NodeError ? error : stateFileError(this.#path, String(error), error));
    } finally {
      clearTimeout(timer);
    }
  }

  #closeLog(): void {
    try {
      this.#log?.close();
    } catch (error) {
      this.#report(stateFileError(this.#opened.path, `was not brought to the disk: ${systemProblem(error)}`, error));
    }
  }

  #restore(machine: StoredMachine, now: number): void {
    const { savedMs, shared, lives } = this.#past!;
    this.#past = undefined;
    this.#savedMs = savedMs;
    // Some machines do not know the time until they have asked for it: then our own keys would seem to be of the future, be
    // refused, and be lost. The machine hears the real time when it starts.
    machine.setWallClock(Math.max(Date.now(), savedMs), now);
    try {
      if (shared) machine.restoreShared(shared, now);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      throw stateFileError(this.#path, `cannot be taken over: ${error.message}`, error);
    }
    const refused = lives.filter((life) => ["gap", "full"].includes(machine.counters.merge(life))).length;
    if (refused > 0) this.#logger?.warn({ refused }, `stateFile: ${refused} records of counters found no place`);
  }

  #saveNews(): void {
    if (this.#print() === this.#savedPrint && existsSync(this.#path)) return;
    this.save().catch((error: unknown) => this.#report(error));
  }

  #do(step: () => Promise<void>): Promise<void> {
    const done = this.#chain.then(step);
    this.#chain = done.catch(() => {});
    return done;
  }

  /**
   * Two that write the same files would undo, each in turn, what the other has promised. They are those of the life that began
   * last.
   */
  #requireOurs(): void {
    const writer = writerOfStateFile(this.#path) ?? 0;
    if (writer > this.#machine!.state.inspect().generation)
      throw new Error("a node that started later has taken it over; give each node its own");
  }

  async #write(): Promise<void> {
    try {
      this.#requireOurs();
    } catch (error) {
      throw stateFileError(this.#path, `cannot be written: ${systemProblem(error)}`, error);
    }
    const { state, counters } = this.#machine!;
    const print = this.#print();
    const { generation } = state.inspect();
    const lives = counters.deltas();
    // Never back: what was of the present then must not be of the future in any later life.
    this.#savedMs = Math.max(Date.now(), this.#savedMs);
    await writeStateFile(this.#path, { generation, savedMs: this.#savedMs, shared: state.saveShared(), lives });
    this.#savedPrint = print;
  }

  /** Differs whenever what is to be kept differs. */
  #print(): string {
    const { state, counters } = this.#machine!;
    return `${state.roots[1]} ${counters.imprints().join(" ")}`;
  }

  /** A node whose disk is full is a node all the same. */
  #report(error: unknown): void {
    this.#logger?.error({ err: error }, error instanceof Error ? error.message : String(error));
  }
}
