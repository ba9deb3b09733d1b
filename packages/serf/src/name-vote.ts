/**
 * Two processes of one name: the pool is asked where it knows the name to be, and whoever is not there shall go (serf
 * protocol notes, sections 7.9 and 10). Both holders ask.
 */
import { addressText } from "@hearsay/core";
import { Reader } from "@hearsay/wire";
import type { QuerySink } from "./asked-queries.ts";
import { readMemberRecord } from "./decode.ts";
import { SerfType } from "./messages.ts";

/** The query; its payload is the name. */
export const conflictQueryName = "_serf_conflict";

/** How soon the pool may be asked again: ms. A holder that stays is claimed against with every probe and exchange. */
export const voteIntervalMs = 60_000;

export class NameVote implements QuerySink {
  readonly #address: string;
  readonly #port: number;
  readonly #onResult: (responses: number, matching: number, keep: boolean) => void;
  #responses = 0;
  #matching = 0;

  /** @param address, port our own, as advertised */
  constructor(address: string, port: number, onResult: (responses: number, matching: number, keep: boolean) => void) {
    this.#address = address;
    this.#port = port;
    this.#onResult = onResult;
  }

  /** What is no member record counts for nothing; that a member is not known there is an answer without a match. */
  onResponse(_from: string, payload: Uint8Array): void {
    if (payload[0] !== SerfType.conflictResponse) return;
    const reader = new Reader(payload, 1);
    const record = readMemberRecord(reader);
    if (!reader.ok) return;
    this.#responses++;
    if (record?.addr && addressText(record.addr) === this.#address && record.port === this.#port) this.#matching++;
  }

  /** With Serf, silence makes both stop: two nodes of one name alone shut each other down. Here it decides nothing. */
  onDone(): void {
    const keep = this.#responses === 0 || this.#matching >= Math.floor(this.#responses / 2) + 1;
    this.#onResult(this.#responses, this.#matching, keep);
  }
}
