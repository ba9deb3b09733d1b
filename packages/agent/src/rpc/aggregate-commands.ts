/** `aggregate-set`, `-unset`, `-get` and `-list`: statistics of one number of each member. Ours, not Serf's. */

import { type AggregateRequest, aggregateBody, decodeAggregateRequest } from "./aggregate-messages.ts";
import type { Answer, Command } from "./commands.ts";
import { STATE_ERRORS, serfText } from "./errors.ts";
import type { Session } from "./session.ts";
import { STATE_WORDS } from "./state-commands.ts";

type Run = (session: Session, request: AggregateRequest) => Answer;

export const AGGREGATE_COMMANDS: readonly (readonly [string, Command])[] = [
  ["aggregate-set", command(set)],
  ["aggregate-unset", command(unset)],
  ["aggregate-get", command(get)],
  ["aggregate-list", { ...command(list), hasBody: false }],
];

function command(run: Run): Command {
  return {
    hasBody: true,
    run(session, body) {
      const request = decodeAggregateRequest(body);
      try {
        return run(session, request);
      } catch (error) {
        return { error: serfText(error, STATE_WORDS) };
      }
    },
  };
}

function set({ host }: Session, { name, value, roundMs, epochRounds }: AggregateRequest): Answer {
  if (!Number.isFinite(value)) return { error: STATE_ERRORS.badNumber };
  host.aggregates.set(name, value, {
    ...(roundMs === 0 ? {} : { roundMs }),
    ...(epochRounds === 0 ? {} : { epochRounds }),
  });
  return {};
}

function unset({ host }: Session, { name }: AggregateRequest): Answer {
  return host.aggregates.unset(name) ? {} : { error: STATE_ERRORS.noSuchAggregate };
}

function get({ host }: Session, { name }: AggregateRequest): Answer {
  const view = host.aggregates.get(name);
  if (view === undefined) return { error: STATE_ERRORS.noSuchAggregate };
  return view.reading === undefined ? { error: STATE_ERRORS.noResult } : { body: { Aggregate: aggregateBody(view) } };
}

function list({ host }: Session): Answer {
  return { body: { Aggregates: host.aggregates.list().map(aggregateBody) } };
}
