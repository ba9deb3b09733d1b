/** `state-get`, `-set`, `-delete`, `-list` and `-watch`: keys of members, and keys that all share. Ours, not Serf's. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { HearsayNode, SharedChange, StateChange, Watched } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import type { Answer, Command } from "./commands.ts";
import { RefusedRequest, STATE_ERRORS, serfText, type Translations } from "./errors.ts";
import type { Session } from "./session.ts";
import {
  decodeStateRequest,
  readValue,
  type StateRecord,
  type StateRequest,
  stateRecordBody,
} from "./state-messages.ts";

/**
 * Bytes of values in one page of `state-list`, after which the rest is left for the next. A single value may be longer. A page
 * is written in one go, which takes some 20 ms.
 */
const PAGE_BYTES = 1024 * 1024;
/** Entries in one page, however small. */
const PAGE_ENTRIES = 4096;
/** ms of gathering a page before everybody else gets a turn. */
const SLICE_MS = 2;

type Run = (session: Session, request: StateRequest, seq: bigint) => Answer | Promise<Answer>;

/** The error's words where the code alone does not say it all. */
export const STATE_WORDS: Translations = { UNSUPPORTED: STATE_ERRORS.off };

export const STATE_COMMANDS: readonly (readonly [string, Command])[] = [
  ["state-get", command(get)],
  ["state-set", command(set)],
  ["state-delete", command(remove)],
  ["state-list", command(list)],
  ["state-watch", command(watch)],
];

function command(run: Run): Command {
  return {
    hasBody: true,
    async run(session, body, seq) {
      const request = decodeStateRequest(body);
      if (request.shared && request.member !== "") return { error: STATE_ERRORS.sharedMember };
      try {
        return await run(session, request, seq);
      } catch (error) {
        return { error: serfText(error, STATE_WORDS) };
      }
    },
  };
}

function get({ host: { node } }: Session, { shared, member, key }: StateRequest): Answer {
  if (!shared && isStranger(node, member)) return { error: STATE_ERRORS.noSuchMember };
  const record = shared ? sharedRecord(node, key) : ownedRecord(node, member === "" ? node.name : member, key);
  return record === undefined ? { error: STATE_ERRORS.noSuchKey } : { body: { Entry: stateRecordBody(record) } };
}

function ownedRecord(node: HearsayNode, member: string, key: string): StateRecord | undefined {
  const value = node.state.of(member).get(key);
  return value === undefined ? undefined : { member, key, value, time: undefined };
}

/** Who wrote it stands in the list alone, where it is the first of those that begin so. */
function sharedRecord(node: HearsayNode, key: string): StateRecord | undefined {
  const { value: first } = node.shared.scan(key).next();
  return first?.key === key ? { ...first, member: first.writer } : undefined;
}

async function set({ host: { node }, gone }: Session, request: StateRequest): Promise<Answer> {
  const { shared, key, ttlMs } = request;
  if (!isOwn(node, request)) return { error: STATE_ERRORS.notOwn };
  const value = readSent(request);
  if (value === undefined) return { error: STATE_ERRORS.badValue };
  const options = { signal: gone, ...(ttlMs === 0 ? {} : { ttl: ttlMs }) };
  await (shared ? node.shared : node.state).set(key, value, options);
  return {};
}

async function remove({ host: { node }, gone }: Session, request: StateRequest): Promise<Answer> {
  if (!isOwn(node, request)) return { error: STATE_ERRORS.notOwn };
  const found = await (request.shared ? node.shared : node.state).delete(request.key, { signal: gone });
  return found ? {} : { error: STATE_ERRORS.noSuchKey };
}

// ---- lists

async function list({ host: { node } }: Session, request: StateRequest): Promise<Answer> {
  if (!request.shared && isStranger(node, request.member)) return { error: STATE_ERRORS.noSuchMember };
  const entries: MsgpackInput[] = [];
  let bytes = 0;
  let sliceBegan = performance.now();
  for (const record of recordsAfter(node, request)) {
    if (bytes > PAGE_BYTES || entries.length >= PAGE_ENTRIES) return { body: { Entries: entries, More: true } };
    const body = stateRecordBody(record);
    bytes += sizeOf(body.Json) + sizeOf(body.Bytes);
    entries.push(body);
    if (performance.now() - sliceBegan < SLICE_MS) continue;
    await nextTurn();
    sliceBegan = performance.now();
  }
  return { body: { Entries: entries, More: false } };
}

const sizeOf = (value: MsgpackInput): number =>
  typeof value === "string" || value instanceof Uint8Array ? value.length : 0;

/** In an order of our own, so that a page can go on where the last one ended whatever has come and gone in between. */
function* recordsAfter(node: HearsayNode, request: StateRequest): Generator<StateRecord> {
  const { shared, member, prefix, afterMember, afterKey } = request;
  if (shared) {
    // Values are made one by one, until the page is full: all of them together may take a second.
    for (const entry of node.shared.scan(prefix, afterKey)) yield { ...entry, member: entry.writer };
    return;
  }
  for (const owner of member === "" ? node.state.members().sort(order) : [member]) {
    if (owner < afterMember) continue;
    const behind = owner === afterMember ? afterKey : "";
    for (const { key, value } of node.state.of(owner).scan(prefix, behind)) {
      yield { member: owner, key, value, time: undefined };
    }
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

// ---- changes

function watch({ host: { node }, streams, watches }: Session, request: StateRequest, seq: bigint): Answer {
  const { shared, member, prefix, initial } = request;
  if (streams.has(seq) || watches.has(seq)) return { error: STATE_ERRORS.watchExists };
  // Also of one that is not there yet: a watch is about what comes.
  return watches.open(
    seq,
    (signal) => (shared ? node.shared : node.state).watch(prefix, { initial, signal }),
    (change) => shared || member === "" || ownerOf(change) === member,
  );
}

const ownerOf = (change: Watched<StateChange> | Watched<SharedChange>): string =>
  "member" in change ? change.member : change.writer;

// ---- whose keys

function isOwn(node: HearsayNode, { shared, member }: StateRequest): boolean {
  return shared || member === "" || member === node.name;
}

/** Neither a member, nor one whose keys are still known. */
function isStranger(node: HearsayNode, member: string): boolean {
  return member !== "" && node.member(member) === undefined && !node.state.members().includes(member);
}

/** Undefined for what is no value: the client is told, and the connection is as good as before. */
function readSent({ json, bytes }: StateRequest) {
  try {
    return readValue(json, bytes);
  } catch (error) {
    if (error instanceof RefusedRequest) return undefined;
    throw error;
  }
}
