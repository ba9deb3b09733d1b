/**
 * The commands of Serf's RPC that this agent knows, one entry each: whether a body follows the header, and what is
 * answered (Serf protocol notes, section 18.3). `why` is ours; a Serf agent calls it unsupported.
 */
import type { KeyResult, PoolKeys } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import { parseLogLevel } from "../log/level.ts";
import { RPC_ERRORS } from "./errors.ts";
import { EventFilter } from "./event-filter.ts";
import { joinErrorText } from "./join-error.ts";
import { filterMembers } from "./member-filter.ts";
import {
  decodeEvent,
  decodeFilter,
  decodeForceLeave,
  decodeHandshake,
  decodeJoin,
  decodeQuery,
  decodeRespond,
  decodeStop,
  decodeTags,
  decodeText,
  encodeCoordinateBody,
  IPC_VERSION,
  keyBody,
  memberBody,
  NO_KEY_BODY,
} from "./messages.ts";
import type { Session } from "./session.ts";
import { explanationBody } from "./why.ts";

export interface Answer {
  /** Empty: success. */
  readonly error?: string;
  readonly body?: MsgpackInput;
  /** A body that is encoded already, in place of `body`. */
  readonly encodedBody?: Uint8Array;
  /** Runs when the answer has been handed over: streams begin after their header. */
  readonly after?: () => void;
  /** The connection ends with this answer. */
  readonly close?: boolean;
}

export interface Command {
  readonly hasBody: boolean;
  /** Known before the handshake, and before authentication. */
  readonly open?: "handshake" | "auth";
  /** `body` is empty for a command without one. Throws RefusedRequest for what it cannot read. */
  run(session: Session, body: Uint8Array, seq: bigint): Answer | Promise<Answer>;
}

const OK: Answer = {};

export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    "handshake",
    {
      hasBody: true,
      open: "handshake",
      run(session, body) {
        if (decodeHandshake(body).version !== IPC_VERSION) return { error: RPC_ERRORS.unsupportedVersion };
        if (session.handshaken) return { error: RPC_ERRORS.duplicateHandshake };
        session.handshaken = true;
        return OK;
      },
    },
  ],
  [
    "auth",
    {
      hasBody: true,
      open: "auth",
      run(session, body) {
        return session.authenticate(decodeText(body, "AuthKey")) ? OK : { error: RPC_ERRORS.invalidAuthToken };
      },
    },
  ],
  ["members", { hasBody: false, run: ({ host }) => ({ body: { Members: host.node.members().map(memberBody) } }) }],
  [
    "members-filtered",
    {
      hasBody: true,
      async run({ host }, body) {
        const members = await filterMembers(host.node.members(), decodeFilter(body));
        return { body: { Members: members.map(memberBody) } };
      },
    },
  ],
  [
    "join",
    {
      hasBody: true,
      async run({ host }, body) {
        const { existing, replay } = decodeJoin(body);
        try {
          const { contacted, failures } = await host.join(existing, replay);
          // Some is success, and so is nobody when nobody was asked for.
          const error = contacted === 0 && failures.length > 0 ? joinErrorText(failures) : "";
          return { error, body: { Num: contacted } };
        } catch (error) {
          return { error: messageOf(error), body: { Num: 0 } };
        }
      },
    },
  ],
  [
    "force-leave",
    {
      hasBody: true,
      async run({ host }, body) {
        const { node, prune } = decodeForceLeave(body);
        return attempt(() => host.forceLeave(node, prune), { TIMED_OUT: RPC_ERRORS.forceLeaveTimeout });
      },
    },
  ],
  [
    "leave",
    {
      hasBody: false,
      async run({ host }) {
        const answer = await attempt(() => host.leave());
        return answer.error === undefined ? { close: true, after: () => host.afterLeave() } : answer;
      },
    },
  ],
  [
    "tags",
    {
      hasBody: true,
      run({ host }, body) {
        const { set, remove } = decodeTags(body);
        return attempt(() => host.changeTags(set, remove), {
          TIMED_OUT: RPC_ERRORS.tagsTimeout,
          TAGS_TOO_LARGE: RPC_ERRORS.tagsTooLarge,
        });
      },
    },
  ],
  [
    "event",
    {
      hasBody: true,
      run({ host }, body) {
        const { name, payload, coalesce } = decodeEvent(body);
        return attempt(() => host.node.userEvent(name, payload, { coalesce }));
      },
    },
  ],
  [
    "query",
    {
      hasBody: true,
      async run(session, body, seq) {
        const query = decodeQuery(body);
        const ping = query.name === "_serf_ping" && query.payload === null;
        if (query.name.startsWith("_serf_") && !ping) return { error: RPC_ERRORS.internalQuery };
        if (session.hasStream(seq)) return { error: RPC_ERRORS.streamExists };
        if (!session.mayQuery) return { error: RPC_ERRORS.tooManyQueries };
        const call = session.host.node.query(query.name, query.payload ?? undefined, {
          ...(query.filterNodes.length > 0 ? { filterNodes: query.filterNodes } : {}),
          filterTags: query.filterTags,
          // Serf's agents take a pattern that is broken, and then nobody passes it.
          uncheckedPatterns: true,
          acks: query.requestAck,
          relayFactor: query.relayFactor,
          endEarly: query.endEarly,
          ...(query.timeoutMs > 0 ? { timeout: query.timeoutMs } : {}),
        });
        const answer = await attempt(async () => void (await call.started));
        return answer.error === undefined ? { after: session.openQuery(seq, call) } : answer;
      },
    },
  ],
  [
    "respond",
    {
      hasBody: true,
      async run(session, body) {
        const { id, payload } = decodeRespond(body);
        const query = session.pendingQuery(id);
        if (query === undefined) return { error: RPC_ERRORS.noPendingQuery };
        const answer = await attempt(() => query.respond(payload));
        return answer.error === undefined ? OK : { error: RPC_ERRORS.respondPrefix + answer.error };
      },
    },
  ],
  ["install-key", keyCommand((keys, key) => keys.install(key))],
  ["use-key", keyCommand((keys, key) => keys.use(key))],
  ["remove-key", keyCommand((keys, key) => keys.remove(key))],
  [
    "list-keys",
    {
      hasBody: false,
      async run({ host }) {
        try {
          const result = await host.node.keys.list();
          return { error: result.error, body: keyBody(result, true) };
        } catch (error) {
          return { error: messageOf(error), body: NO_KEY_BODY };
        }
      },
    },
  ],
  [
    "get-coordinate",
    {
      hasBody: true,
      run({ host }, body) {
        return { encodedBody: encodeCoordinateBody(host.node.coordinate(decodeText(body, "Node"))) };
      },
    },
  ],
  ["stats", { hasBody: false, run: ({ host }) => ({ body: host.stats() }) }],
  [
    "why",
    {
      hasBody: true,
      run({ host }, body) {
        const name = decodeText(body, "Node");
        const explanation = host.node.why(name);
        return explanation === undefined
          ? { error: `no member is or was called "${name}"` }
          : { body: explanationBody(explanation) };
      },
    },
  ],
  [
    "stream",
    {
      hasBody: true,
      run(session, body, seq) {
        const filter = EventFilter.parse(decodeText(body, "Type"));
        if (session.hasStream(seq)) return { error: RPC_ERRORS.streamExists };
        if (filter === undefined) return { error: RPC_ERRORS.invalidFilter };
        if (!session.mayStream) return { error: RPC_ERRORS.tooManyStreams };
        return { after: session.openStream(seq, filter) };
      },
    },
  ],
  [
    "monitor",
    {
      hasBody: true,
      run(session, body, seq) {
        const text = decodeText(body, "LogLevel").toUpperCase();
        const level = parseLogLevel(text);
        if (session.hasMonitor) return { error: RPC_ERRORS.monitorExists };
        if (level === undefined) return { error: `Unknown log level: ${text}` };
        return { after: session.openMonitor(seq, level) };
      },
    },
  ],
  [
    "stop",
    {
      hasBody: true,
      run(session, body) {
        session.stop(decodeStop(body));
        return OK;
      },
    },
  ],
]);

/** The three that take a key. What is no base64 is refused before anybody is asked, in Go's words. */
function keyCommand(run: (keys: PoolKeys, key: string) => Promise<KeyResult>): Command {
  return {
    hasBody: true,
    async run({ host }, body) {
      const key = decodeText(body, "Key");
      const problem = base64Problem(key);
      if (problem !== undefined) return { error: problem, body: NO_KEY_BODY };
      try {
        const result = await run(host.node.keys, key);
        return { error: result.error, body: keyBody(result, false) };
      } catch (error) {
        return { error: messageOf(error), body: NO_KEY_BODY };
      }
    },
  };
}

/** What Go's decoder says of a text that is no base64; line ends are passed over. */
function base64Problem(text: string): string | undefined {
  const at = (index: number) => `illegal base64 data at input byte ${index}`;
  let digits = 0;
  let padding = 0;
  let last = 0;
  for (const [i, char] of [...text].entries()) {
    if (char === "\n" || char === "\r") continue;
    last = i;
    if (char === "=") {
      if (digits % 4 < 2 || padding === 2 || (digits % 4 === 3 && padding === 1)) return at(i);
      padding++;
    } else if (padding > 0 || !/[A-Za-z0-9+/]/.test(char)) return at(i);
    else digits++;
  }
  const rest = digits % 4;
  return rest === 0 || rest + padding === 4 ? undefined : at(rest === 1 ? last : text.length);
}

/** By the code of a NodeError. */
type Translations = Readonly<Record<string, string>>;

/** Runs it; an error becomes the answer's, in Serf's words where Serf has words for it. */
async function attempt(run: () => Promise<void>, translations: Translations = {}): Promise<Answer> {
  try {
    await run();
    return OK;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { error: translations[code] ?? messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : String(error);
}
