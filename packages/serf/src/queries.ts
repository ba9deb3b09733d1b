/**
 * Queries passing through: judged once, passed on, acknowledged, and delivered when they are for us (serf protocol
 * notes, sections 9.3 and 10). Our own come the same way; how they are asked is in `asking.ts` and `asked-queries.ts`.
 */
import { Reader, readUtf8 } from "@hearsay/wire";
import { Answerable } from "./answerable.ts";
import { maxQueryTimeoutMs } from "./asking.ts";
import { readQuery } from "./decode.ts";
import { encodeMemberRecord } from "./encode.ts";
import { Filters } from "./filters.ts";
import { answerKeyQuery, keyQueries } from "./key-answers.ts";
import { LamportClock } from "./lamport.ts";
import { type MemberRecordMessage, type Query, QueryFlag } from "./messages.ts";
import { QueryBuffer } from "./query-buffer.ts";
import type { Responses } from "./responses.ts";
import type { Tags } from "./tags.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { KeyringPort, SerfDropReason, SerfQueryEvent } from "./types.ts";

export interface QueryListener {
  onQuery(event: SerfQueryEvent): void;
  /** To be gossiped as it is. */
  passOn(message: Uint8Array): void;
  onDrop(reason: SerfDropReason): void;
  tags(): Tags;
  /** What is known of a member, for a vote on who holds its name. */
  record(name: string): MemberRecordMessage | null;
  /** The keys that key queries are about. */
  readonly keyring: KeyringPort | undefined;
}

/** Names with this beginning are Serf's own and never reach the application. */
export const internalPrefix = "_serf_";

/** Longest name of an asker: UTF-16 units. It is kept as long as its query can be answered. */
const maxNameLength = 255;

/** New queries taken, a second and at once: far above what pools ask, far below what a packed packet can hold. */
const queriesPerSecond = 512;
const queriesAtOnce = 1024;

export class Queries {
  readonly clock = new LamportClock();
  readonly buffer: QueryBuffer;
  readonly answerable: Answerable;
  readonly #self: string;
  readonly #responses: Responses;
  readonly #listener: QueryListener;
  readonly #filters = new Filters();
  readonly #rate = new TokenBucket(queriesPerSecond, queriesAtOnce);

  constructor(self: string, size: number, responses: Responses, listener: QueryListener) {
    this.buffer = new QueryBuffer(size);
    this.#self = self;
    this.#responses = responses;
    this.answerable = new Answerable(responses);
    this.#listener = listener;
  }

  /**
   * A query of our own, already put into words and stamped with the clock's present time: taken as everybody else takes
   * it, but for the limits on strangers.
   */
  handleOwn(query: Query, message: Uint8Array, now: number): void {
    // Not as a witness, whose steps others can use up: then the next query of ours would have this one's time.
    this.clock.increment();
    this.buffer.add(query.lTime, query.id, this.clock.time);
    this.#listener.passOn(message);
    this.#consider(query, now);
  }

  /** A gossiped query, type byte first. `message` is kept. */
  handleMessage(message: Uint8Array, now: number): void {
    const reader = new Reader(message, 1);
    const query = readQuery(reader);
    if (!reader.ok) {
      this.#listener.onDrop("serf-malformed");
      return;
    }
    if (!this.clock.accepts(query.lTime, now)) {
      this.#listener.onDrop("serf-ltime");
      return;
    }
    if (query.sourceNode.length > maxNameLength) {
      this.#listener.onDrop("serf-name");
      return;
    }
    if (this.buffer.knows(query.lTime, query.id)) return;
    // Before it is remembered: another copy may come when there is room again.
    if (!this.#rate.take(now)) {
      this.#listener.onDrop("serf-query-limit");
      return;
    }
    this.clock.witness(query.lTime, now);
    const news = this.buffer.add(query.lTime, query.id, this.clock.time);
    if (news !== "new") {
      if (news === "too-old") this.#listener.onDrop("serf-too-old");
      else if (news === "buffer-full") this.#listener.onDrop("serf-buffer-full");
      return;
    }
    // Also when it is not for us: we are part of the way to those it is for.
    if ((query.flags & QueryFlag.noBroadcast) === 0) this.#listener.passOn(message);
    this.#consider(query, now);
  }

  #consider(query: Query, now: number): void {
    const verdict = this.#filters.judge(query.filters, this.#self, this.#listener.tags(), now);
    if (verdict === "unknown") this.#listener.onDrop("serf-filter-limit");
    if (verdict !== "pass") return;
    if ((query.flags & QueryFlag.ack) !== 0) this.#responses.acknowledge(query, now);
    if (query.name.startsWith(internalPrefix)) this.#answerInternal(query, now);
    else this.#deliver(query, now);
  }

  #deliver(query: Query, now: number): void {
    const deadline = now + Math.min(Math.max(query.timeoutNs / 1e6, 0), maxQueryTimeoutMs);
    this.answerable.add(query, deadline, now);
    this.#listener.onQuery({
      type: "query",
      name: query.name,
      payload: query.payload?.slice() ?? null,
      lTime: query.lTime,
      id: query.id,
      from: query.sourceNode,
      deadline,
    });
  }

  #answerInternal(query: Query, now: number): void {
    const word = query.name.slice(internalPrefix.length);
    const keyOperation = keyQueries.get(word);
    if (keyOperation) {
      const fits = (bytes: number) => this.#responses.fits(query, bytes);
      const { keyring } = this.#listener;
      const answer = answerKeyQuery(keyOperation, query.payload, keyring, fits, this.#responses.limit);
      this.#responses.respond(query, answer, now);
      return;
    }
    switch (word) {
      case "ping":
        return; // The acknowledgement was the point.
      case "conflict": {
        const payload = query.payload ?? new Uint8Array(0);
        const name = readUtf8(payload, 0, payload.length);
        // One of the two that quarrel has no vote.
        if (name === undefined || name === this.#self) return;
        this.#responses.respond(query, encodeMemberRecord(this.#listener.record(name)), now);
        return;
      }
      default:
        this.#listener.onDrop("serf-internal-query");
    }
  }
}
