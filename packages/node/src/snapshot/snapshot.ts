/**
 * What a node remembers of its pool over a restart: who was alive, how far the three Lamport clocks had come, and which user
 * events of late were seen (see `seen-events.ts`). One file in Serf's format (Serf protocol notes, section 15), so that either program can go on where the other stopped.
 *
 *   open -> read what is there (read-file.ts, replay.ts, state.ts) -> append a line for whatever changes (append-log.ts)
 *
 * A member's or an event's line is on its way to the file in the same turn; clocks move all the time, and get theirs twice a second.
 * Serf leaves both in a buffer until the next line comes. Only a goodbye and `close` wait for the disk.
 */

import type { RestoredClocks, SeenEvents } from "@hearsay/serf";
import { type NodeError, show } from "../errors.ts";
import { AppendLog } from "./append-log.ts";
import { type FileSystem, realFileSystem } from "./file-system.ts";
import { formatLine, isNameWritable, MAX_LINE_BYTES, parseLine, type SnapshotRecord } from "./lines.ts";
import { MAX_FILE_BYTES, type OpenedFile, openFile, snapshotError } from "./read-file.ts";
import { compactAtBytes, type RememberedMember, type SnapshotState } from "./state.ts";

/** How long a clock's line may wait: ms. */
const CLOCK_DELAY_MS = 500;
/** At most one report in this time of names that cannot be written: ms. */
const REPORT_INTERVAL_MS = 30_000;
/** How long a goodbye or the end waits for the disk: ms. */
const DISK_TIMEOUT_MS = 5000;

export interface SnapshotOptions {
  /** A goodbye does not make the file forget the members, neither one found in it nor one to come. */
  readonly rejoinAfterLeave: boolean;
  /** For tests. */
  readonly fileSystem?: FileSystem;
  /** For tests: never compact files below this, bytes. Default: Serf's threshold. */
  readonly compactAtBytes?: number;
}

/**
 * Opens the file or makes it; the folder must be there, as for Serf. A last line that was broken off is cut away, and a
 * `PATH.compact` that was left behind has no say. One node a file: see `AppendLog` for what is noticed of a second one.
 *
 * @throws NodeError SNAPSHOT: no regular file, not readable or writable, larger than 64 MiB, or not a snapshot at all. Nothing
 * was changed then.
 */
export async function openSnapshot(path: string, options: SnapshotOptions): Promise<Snapshot> {
  const fileSystem = options.fileSystem ?? realFileSystem;
  return new Snapshot(path, await openFile(path, options), fileSystem, options.compactAtBytes);
}

export interface SnapshotTimes extends RestoredClocks {
  /** Told of every event that was seen since this time, or was seen before: the past from which others need not be known. */
  readonly eventsFrom?: number;
}

export class Snapshot {
  readonly restored: {
    /** The highest times seen; undefined when there was no file or nothing in it. */
    readonly clocks: RestoredClocks | undefined;
    /** Which events were seen; undefined when only the highest time is known, as after a Serf agent. */
    readonly seenEvents: SeenEvents | undefined;
    /** Who was alive, oldest first; ourselves included. */
    readonly members: readonly RememberedMember[];
  };
  readonly #path: string;
  readonly #state: SnapshotState;
  readonly #log: AppendLog;
  /** The highest times told to us, and those that have their lines. */
  readonly #seen: { memberTime: number; eventTime: number; queryTime: number };
  readonly #written: { memberTime: number; eventTime: number; queryTime: number };
  /** Since when all events that were seen have been told to us; and what of that has its line, in this run. */
  #eventsFrom: number | undefined;
  #writtenFrom = -1;
  #clockTimer: NodeJS.Timeout | undefined;
  #saysGoodbye = false;
  #closed: Promise<void> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #onProblem: ((error: Error) => void) | undefined;
  /** What went wrong before anybody listened: the newest. */
  #untold: Error | undefined;

  /** Use `openSnapshot`. */
  constructor(path: string, file: OpenedFile, fileSystem: FileSystem, compactAt: number | undefined) {
    const { state } = file;
    this.#path = path;
    this.#state = state;
    this.restored = {
      clocks: state.clocks(),
      seenEvents: state.seenEvents(),
      members: [...state.alive.values()],
    };
    state.left = false;
    this.#seen = { memberTime: state.memberTime, eventTime: state.eventTime, queryTime: state.queryTime };
    this.#written = { ...this.#seen, eventTime: state.eventClock };
    this.#log = new AppendLog({
      path: file.path,
      handle: file.handle,
      bytes: file.bytes,
      mode: file.mode,
      maxBytes: MAX_FILE_BYTES,
      contents: () => state.lines(),
      compactAtBytes: (compactBytes) =>
        compactAt === undefined
          ? compactAtBytes(state.alive.size, compactBytes)
          : Math.max(compactAt, 2 * compactBytes),
      onProblem: (problem, cause) => this.#report(problem, cause),
      fileSystem,
      now: () => performance.now(),
    });
    if (file.warning) this.#report(file.warning, undefined);
  }

  /** Is told what goes wrong, in a NodeError SNAPSHOT; what went wrong before it was set, at once. Must not throw. */
  get onProblem(): ((error: Error) => void) | undefined {
    return this.#onProblem;
  }

  set onProblem(listener: ((error: Error) => void) | undefined) {
    this.#onProblem = listener;
    const untold = this.#untold;
    if (!listener || !untold) return;
    this.#untold = undefined;
    listener(untold);
  }

  /**
   * A member is alive at this address. A name with a line feed in it could pass off its second half as a record of its own:
   * it is not remembered, and that is reported.
   */
  alive(name: string, address: string, port: number): void {
    if (this.#saysGoodbye) return;
    const known = this.#state.alive.get(name);
    if (known?.address === address && known.port === port) return;
    const record: SnapshotRecord = { type: "alive", name, address, port };
    const line = isNameWritable(name) ? formatLine(record) : "";
    if (line.length <= MAX_LINE_BYTES && Buffer.byteLength(line) <= MAX_LINE_BYTES && parseLine(line.slice(0, -1))) {
      this.#write(record);
      return;
    }
    // It may be remembered at an older address.
    this.notAlive(name);
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_INTERVAL_MS) return;
    this.#reportedAt = now;
    this.#report(`does not remember ${show(name)} at ${show(address)}: that cannot be written in one line`, undefined);
  }

  /** A member has left or failed. */
  notAlive(name: string): void {
    if (this.#saysGoodbye || !this.#state.alive.has(name)) return;
    this.#write({ type: "not-alive", name });
  }

  /**
   * A user event is being handed on. Before the clocks say so.
   * @param time its Lamport time
   * @param hash as of `eventHash`
   */
  seenEvent(time: number, hash: string): void {
    if (!this.#closed) this.#write({ type: "seen-event", time, hash });
  }

  /** The highest times seen. Call it as often as you like. */
  clocks(times: SnapshotTimes): void {
    const seen = this.#seen;
    const { memberTime, eventTime, queryTime, eventsFrom = -1 } = times;
    const isKnown = memberTime <= seen.memberTime && eventTime <= seen.eventTime && queryTime <= seen.queryTime;
    if (isKnown && eventsFrom <= (this.#eventsFrom ?? -1)) return;
    if (eventsFrom >= 0) this.#eventsFrom = eventsFrom;
    seen.memberTime = Math.max(seen.memberTime, memberTime);
    seen.eventTime = Math.max(seen.eventTime, eventTime);
    seen.queryTime = Math.max(seen.queryTime, queryTime);
    if (this.#closed) return;
    // Until its range stands there, nothing of what is seen in this run counts.
    if (eventsFrom >= 0 && this.#writtenFrom < 0) this.#writeClocks();
    else this.#clockTimer ??= setTimeout(() => this.#writeClocks(), CLOCK_DELAY_MS).unref();
  }

  /**
   * Says goodbye: forgets who is alive, unless they are to be joined again. From then on only clocks are written. Resolves
   * when it is on the disk.
   * @throws NodeError SNAPSHOT when it is not, or not within 5 s
   */
  async leave(): Promise<void> {
    if (this.#closed || this.#saysGoodbye) return this.#closed;
    this.#writeClocks();
    this.#saysGoodbye = true;
    this.#write({ type: "leave" });
    await this.#inTime(this.#log.flush({ sync: true }));
  }

  /** Resolves when all that was told so far has been handed to the system. */
  async flush(): Promise<void> {
    if (this.#closed) return this.#closed;
    this.#writeClocks();
    await this.#inTime(this.#log.flush());
  }

  /**
   * Writes what is left and closes the file. Later calls of anything have no effect; a second `close` gives the first one's
   * promise.
   * @throws NodeError SNAPSHOT when not all is on the disk, or not within 5 s; it is closed all the same
   */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#writeClocks();
      this.#saysGoodbye = true;
      this.#closed = this.#inTime(this.#log.close());
    }
    return this.#closed;
  }

  #writeClocks(): void {
    clearTimeout(this.#clockTimer);
    this.#clockTimer = undefined;
    this.#writeClock("clock", "memberTime");
    this.#writeRange();
    this.#writeClock("event-clock", "eventTime");
    this.#writeClock("query-clock", "queryTime");
  }

  /** Before the event clock's line, which would put an older range into doubt. */
  #writeRange(): void {
    const from = this.#eventsFrom;
    const to = this.#seen.eventTime;
    if (from === undefined || (from <= this.#writtenFrom && to <= this.#written.eventTime)) return;
    this.#writtenFrom = from;
    this.#write({ type: "seen-range", from, to });
  }

  #writeClock(type: "clock" | "event-clock" | "query-clock", key: keyof RestoredClocks): void {
    const time = this.#seen[key];
    if (time <= this.#written[key]) return;
    this.#written[key] = time;
    this.#write({ type, time });
  }

  /** State and lines never part: what is appended is applied. */
  #write(record: SnapshotRecord): void {
    this.#state.apply(record);
    this.#log.append(formatLine(record));
  }

  /** A disk that hangs must not hold up a node's end. */
  async #inTime(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the disk took longer than ${DISK_TIMEOUT_MS} ms`)), DISK_TIMEOUT_MS);
    });
    try {
      await Promise.race([work, late]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw snapshotError(this.#path, `was not brought to the disk: ${reason}`, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #report(problem: string, cause: unknown): void {
    const error: NodeError = snapshotError(this.#path, problem, cause);
    if (this.#onProblem) this.#onProblem(error);
    else this.#untold = error;
  }
}
