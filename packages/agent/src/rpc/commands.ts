/**
 * The commands of Serf's RPC that this agent knows, one entry each: whether a body follows the header, and what is
 * answered (Serf protocol notes, section 18.3). `why`, and what is said of state, counters and aggregates, is ours; a Serf agent
 * calls it unsupported.
 */
import { parseLogLevel } from "../log/level.ts";
import { AGGREGATE_COMMANDS } from "./aggregate-commands.ts";
import { MAX_STREAMS } from "./client-streams.ts";
import { coordinateBody } from "./coordinate-messages.ts";
import { COUNTER_COMMANDS } from "./counter-commands.ts";
import { RPC_ERRORS, serfText, type Translations } from "./errors.ts";
import { EVENT_COMMANDS } from "./event-commands.ts";
import { EventFilter } from "./event-filter.ts";
import { joinErrorText } from "./join-error.ts";
import { KEY_COMMANDS } from "./key-commands.ts";
import { filterMembers } from "./member-filter.ts";
import {
  decodeFilter,
  decodeForceLeave,
  decodeHandshake,
  decodeJoin,
  decodeStop,
  decodeTags,
  decodeText,
  IPC_VERSION,
  memberBody,
  type ResponseBody,
} from "./messages.ts";
import type { Session } from "./session.ts";
import { STATE_COMMANDS } from "./state-commands.ts";
import { explanationBody } from "./why.ts";

export interface Answer {
  /** Empty: success. */
  readonly error?: string;
  readonly body?: ResponseBody;
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
          const words = { LEFT: RPC_ERRORS.joinAfterLeave, CLOSED: RPC_ERRORS.joinAfterLeave };
          return { error: serfText(error, words), body: { Num: 0 } };
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
        if (filter === undefined) return { error: RPC_ERRORS.invalidFilter };
        if (session.streams.has(seq) || session.watches.has(seq)) return { error: RPC_ERRORS.streamExists };
        if (session.streams.size >= MAX_STREAMS) {
          return { error: `too many streams at once: ${MAX_STREAMS} are open on this connection` };
        }
        return { after: () => session.streams.open(seq, filter) };
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
        if (level === undefined) return { error: `Unknown log level: ${text}` };
        if (session.streams.hasMonitor) return { error: RPC_ERRORS.monitorExists };
        return { after: () => session.streams.openMonitor(seq, level, session.host.logBook) };
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
  [
    "get-coordinate",
    {
      hasBody: true,
      run: ({ host }, body) => ({ body: coordinateBody(host.node.coordinate(decodeText(body, "Node"))) }),
    },
  ],
  ...EVENT_COMMANDS,
  ...KEY_COMMANDS,
  ...STATE_COMMANDS,
  ...COUNTER_COMMANDS,
  ...AGGREGATE_COMMANDS,
]);

/** Runs it; an error becomes the answer's, in Serf's words where Serf has words for it. */
async function attempt(run: () => Promise<void>, translations: Translations = {}): Promise<Answer> {
  try {
    await run();
    return OK;
  } catch (error) {
    return { error: serfText(error, translations) };
  }
}
