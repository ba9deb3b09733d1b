/** `event`, `query` and `respond` (Serf protocol notes, sections 8.1, 9 and 18). */
import type { Command } from "./commands.ts";
import { RPC_ERRORS, serfText } from "./errors.ts";
import { decodeEvent, decodeQuery, decodeRespond, type QueryBody } from "./event-messages.ts";

const RESERVED_PREFIX = "_serf_";
/** The one of Serf's own queries that a client may ask: its acknowledgements are the point. */
const PING = "_serf_ping";

const RESPOND_WORDS = {
  ALREADY_ANSWERED: RPC_ERRORS.responseSent,
  TOO_LATE: RPC_ERRORS.responseLate,
};

export const EVENT_COMMANDS: readonly (readonly [string, Command])[] = [
  [
    "event",
    {
      hasBody: true,
      async run({ host, gone }, body) {
        const { name, payload, coalesce } = decodeEvent(body);
        try {
          await host.node.userEvent(name, payload.length === 0 ? undefined : payload, { coalesce, signal: gone });
          return {};
        } catch (error) {
          return { error: serfText(error) };
        }
      },
    },
  ],
  [
    "query",
    {
      hasBody: true,
      async run(session, body, seq) {
        const query = decodeQuery(body);
        if (isReserved(query)) return { error: RPC_ERRORS.reservedQueryName };
        return session.queries.open(session.host.node, seq, query);
      },
    },
  ],
  [
    "respond",
    {
      hasBody: true,
      async run({ streams }, body) {
        const { id, payload } = decodeRespond(body);
        const query = streams.pending.find(id);
        if (query === undefined) return { error: RPC_ERRORS.noPendingQuery };
        try {
          // Answered or not, it keeps its number until its deadline: a second answer is told from one to nothing.
          await query.respond(payload);
          return {};
        } catch (error) {
          return { error: RPC_ERRORS.respondPrefix + serfText(error, RESPOND_WORDS) };
        }
      },
    },
  ],
];

/** An empty payload is none, as for Serf 0.9.4. */
function isReserved({ name, payload }: QueryBody): boolean {
  return name.startsWith(RESERVED_PREFIX) && (name !== PING || payload.length > 0);
}
