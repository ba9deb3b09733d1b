/** Reads a snapshot's bytes, whatever pieces they come in, into a state. Other people's files too: nothing in them throws. */

import { isBegun, MAX_LINE_BYTES, parseLine } from "./lines.ts";
import { SnapshotState } from "./state.ts";

const LINE_FEED = 10;

export class Replay {
  readonly state: SnapshotState;
  /** Lines that were records; comments other than ours, which any text may hold, are not counted. */
  records = 0;
  /** Complete lines that were not: passed over. */
  skipped = 0;
  /** The first of them, cut, for people; undefined when there was none. */
  firstSkipped: { readonly line: number; readonly text: string } | undefined;
  /** Bytes up to and with the last line feed. */
  completeBytes = 0;
  #bytes = 0;
  #lines = 0;
  /** The start of a line whose end has not come, at most `MAX_LINE_BYTES` of it. */
  #begun: Uint8Array = new Uint8Array(0);
  #begunBytes = 0;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(options: { readonly rejoinAfterLeave: boolean }) {
    this.state = new SnapshotState(options);
  }

  /** @param bytes borrowed for the call. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(LINE_FEED, at);
      if (end < 0) {
        this.#keep(bytes.subarray(at));
        break;
      }
      if (this.#begunBytes === 0) this.#line(bytes.subarray(at, end), end - at);
      else {
        this.#keep(bytes.subarray(at, end));
        this.#line(this.#begun, this.#begunBytes);
        this.#begun = new Uint8Array(0);
        this.#begunBytes = 0;
      }
      at = end + 1;
      this.completeBytes = this.#bytes + at;
    }
    this.#bytes += bytes.length;
  }

  /** Nothing of it looks like a snapshot. An empty file is one, and so is one whose first line was broken off. */
  get isForeign(): boolean {
    if (this.records > 0 || this.#bytes === 0) return false;
    return this.skipped > 0 || this.#begunBytes > MAX_LINE_BYTES || !isBegun(this.#decoder.decode(this.#begun));
  }

  #keep(bytes: Uint8Array): void {
    this.#begunBytes += bytes.length;
    const room = Math.min(bytes.length, MAX_LINE_BYTES - this.#begun.length);
    if (room === 0) return;
    const longer = new Uint8Array(this.#begun.length + room);
    longer.set(this.#begun);
    longer.set(bytes.subarray(0, room), this.#begun.length);
    this.#begun = longer;
  }

  #line(bytes: Uint8Array, length: number): void {
    const text = this.#decoder.decode(bytes.subarray(0, MAX_LINE_BYTES));
    const record = length > MAX_LINE_BYTES ? undefined : parseLine(text);
    this.#lines++;
    if (record === undefined) {
      this.skipped++;
      this.firstSkipped ??= { line: this.#lines, text: text.slice(0, 40) };
      return;
    }
    if (record.type !== "nothing" || !text.startsWith("#")) this.records++;
    this.state.apply(record);
  }
}
