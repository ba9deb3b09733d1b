/** The worker's part of calls about replicated state: from the message to the machine. */

import type { AggregateTerms } from "../state/state-port.ts";
import type { StateCalls } from "../state-calls.ts";
import type { StateMirror } from "./state-mirror.ts";
import type { StateCallArgs } from "./state-protocol.ts";

/** What the sources in the main thread gave last, by aggregate. */
export type SourceValues = Map<string, number | undefined>;

export interface StateHost {
  readonly calls: StateCalls;
  readonly mirror: StateMirror;
  readonly values: SourceValues;
}

type Handlers = {
  [K in keyof StateCallArgs]: (host: StateHost, args: StateCallArgs[K], signal: AbortSignal) => unknown;
};

const handlers: Handlers = {
  setState: ({ calls }, [key, value, ttl], signal) => calls.set(key, value, ttl, signal),
  deleteState: ({ calls }, [key], signal) => calls.delete(key, signal),
  setShared: ({ calls }, [key, value, ttl], signal) => calls.setShared(key, value, ttl, signal),
  deleteShared: ({ calls }, [key], signal) => calls.deleteShared(key, signal),
  addTo: ({ calls }, [counter, amount], signal) => calls.add(counter, amount, signal),
  saveState: ({ calls }, _, signal) => calls.saveState(signal),
  openAggregate: ({ calls, mirror, values }, [name, terms, value]) => {
    values.set(name, value);
    mirror.opened(name);
    openAggregate(calls, name, values, terms);
  },
  aggregateValue: ({ values }, [name, value]) => {
    if (values.has(name)) values.set(name, value);
  },
  closeAggregate: ({ calls, mirror, values }, [name]) => {
    calls.closeAggregate(name);
    mirror.closed(name);
    values.delete(name);
  },
};

export function isStateCall(method: string): method is keyof StateCallArgs {
  return Object.hasOwn(handlers, method);
}

/** Returns what the call is answered with, or a promise of it. */
export function carryOutState(
  host: StateHost,
  method: keyof StateCallArgs,
  args: readonly unknown[],
  signal: AbortSignal,
): unknown {
  const handler = handlers[method] as (host: StateHost, args: readonly unknown[], signal: AbortSignal) => unknown;
  return handler(host, args, signal);
}

function openAggregate(calls: StateCalls, name: string, values: SourceValues, terms: AggregateTerms): void {
  calls.openAggregate(name, () => values.get(name), terms);
}
