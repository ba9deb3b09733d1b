/**
 * Lends byte fields of a decoded message. A view of the packet costs more than the rest of the decoding together, so short
 * fields are copied into an array that is kept for their length; what is lent is good until the next loan of that length.
 */

import { noBytes } from "./byte-buffer.ts";
import { viewOf } from "./byte-views.ts";

/** Above this a view is cheaper than copying. */
const copyBytes = 64;

export class Lender {
  private readonly byLength: (Uint8Array | undefined)[] = [];

  lend(bytes: Uint8Array, start: number, length: number): Uint8Array {
    if (length > copyBytes) return viewOf(bytes, start, start + length);
    if (length === 0) return noBytes;
    let loan = this.byLength[length];
    if (loan === undefined) {
      while (this.byLength.length <= length) this.byLength.push(undefined);
      loan = new Uint8Array(length);
      this.byLength[length] = loan;
    }
    for (let i = 0; i < length; i++) loan[i] = bytes[start + i]!;
    return loan;
  }
}
