/**
 * The label header: 0xf4, a length byte, the label. It keeps clusters on one network apart; it is no secret.
 * Source: memberlist protocol notes, section 2.
 */

import type { DropReason } from "@hearsay/core";
import { maxLabelBytes } from "./limits.ts";
import { encodeUtf8 } from "./utf8.ts";

export const labelType = 0xf4;

export class Label {
  /** The label's bytes: what encryption authenticates along. Empty without a label. */
  readonly bytes: Uint8Array;
  /** The whole header; empty without a label. */
  readonly header: Uint8Array;
  private readonly skipCheck: boolean;

  /**
   * @param text at most 255 bytes in UTF-8, "" for none
   * @param skipCheck something in front takes the header off: refuse packets with one, take those without as ours
   */
  constructor(text: string, skipCheck: boolean) {
    this.bytes = encodeUtf8(text);
    if (this.bytes.length > maxLabelBytes) throw new RangeError(`a label has at most ${maxLabelBytes} bytes`);
    this.header = text === "" ? this.bytes : new Uint8Array([labelType, this.bytes.length, ...this.bytes]);
    this.skipCheck = skipCheck;
  }

  /** The offset behind the header of `bytes`, as far as one is there, or why the packet is refused. */
  check(bytes: Uint8Array, end: number): number | DropReason {
    const { header } = this;
    const absent = end === 0 || bytes[0] !== labelType;
    if (this.skipCheck) return absent ? 0 : "label-mismatch";
    if (absent) return header.length === 0 ? 0 : "label-mismatch";
    if (end < 2 || bytes[1] === 0 || end < 2 + bytes[1]!) return "label-malformed";
    if (header.length !== 2 + bytes[1]!) return "label-mismatch";
    for (let i = 2; i < header.length; i++) if (bytes[i] !== header[i]) return "label-mismatch";
    return header.length;
  }
}
