/**
 * Finds where MessagePack values end in bytes that are still arriving. A stream has no length in front of a value; the
 * structure itself delimits it. The scanner keeps its place, so every byte is looked at once however small the chunks
 * are, and it only counts values still open, so nesting costs neither stack nor memory.
 */

/**
 * "more": the value goes on beyond the bytes there are. "invalid": a byte that starts nothing. "too-large": it cannot end
 * within the limit.
 */
export type ScanResult = "done" | "more" | "invalid" | "too-large";

export class Scanner {
  /** Index of the next head; beyond the bytes at hand while a long text or bin is arriving. */
  offset = 0;
  /** Values still to find. At least as many bytes are still to come. */
  open = 0;
  private limit = Number.POSITIVE_INFINITY;

  /**
   * Starts looking for the end of `count` values that follow each other from `offset` on.
   * @param limit largest offset at which they may end. What is announced beyond it is refused where it is announced, so
   *   that the outcome is the same in whatever chunks the bytes come.
   */
  begin(offset: number, count = 1, limit = Number.POSITIVE_INFINITY): void {
    this.offset = offset;
    this.open = count;
    this.limit = limit;
  }

  /** Goes on with the bytes there are: all of them from index 0, not just the new ones. */
  scan(bytes: Uint8Array, end: number = bytes.length): ScanResult {
    for (;;) {
      if (this.offset + this.open > this.limit) return "too-large";
      if (this.open === 0) return this.offset <= end ? "done" : "more";
      const at = this.offset;
      if (at >= end) return "more";
      const code = bytes[at]!;
      let head = 1;
      let body = 0;
      let inner = 0;
      if (code <= 0x7f || code >= 0xe0) {
        // A small integer is its own head.
      } else if (code <= 0x8f) inner = (code & 0x0f) * 2;
      else if (code <= 0x9f) inner = code & 0x0f;
      else if (code <= 0xbf) body = code & 0x1f;
      else {
        const form = forms[code - 0xc0]!;
        if (form < 0) return "invalid";
        if (form <= fixed) body = form;
        else {
          const width = form & 0x0f;
          if (at + width >= end) return "more";
          let length = 0;
          for (let i = 1; i <= width; i++) length = length * 256 + bytes[at + i]!;
          head += width;
          const unit = form & ~0x0f;
          if (unit === sized) body = length;
          else if (unit === extension) body = length + 1;
          else inner = unit === list ? length : length * 2;
        }
      }
      this.offset = at + head + body;
      this.open += inner - 1;
    }
  }
}

// A form up to `fixed` is the number of body bytes; above, the low four bits are the width of a length field.
const fixed = 0x1f;
const sized = 0x20;
const extension = 0x30;
const list = 0x40;
const pairs = 0x50;

/** How the codes 0xc0 … 0xdf go on. */
const forms: readonly number[] = [
  ...[0, -1, 0, 0],
  ...[sized | 1, sized | 2, sized | 4],
  ...[extension | 1, extension | 2, extension | 4],
  ...[4, 8],
  ...[1, 2, 4, 8],
  ...[1, 2, 4, 8],
  ...[2, 3, 5, 9, 17],
  ...[sized | 1, sized | 2, sized | 4],
  ...[list | 2, list | 4],
  ...[pairs | 2, pairs | 4],
];
