/** What the extended machine takes and reports beyond Serf's. */
import type { SerfEvent, SerfOptions } from "@hearsay/serf";
import type { CounterLimits, CounterSyncSettings, PhiSettings, StateConfig, StateEvent } from "@hearsay/state";

export interface ExtendedOptions extends Omit<SerfOptions, "extensions"> {
  /** What beyond Serf is spoken; undefined: nothing, and this is Serf and no more. Needs Serf protocol 3, for the tag. */
  readonly extensions?: ExtensionSettings;
}

export interface ExtensionSettings {
  /** Wall-clock ms since 1970 at `now` 0 of the machine's clock. */
  readonly wallOffsetMs: number;
  /** Which life of this node this is: 1 … 2^52, above those before. Wall-clock ms do. */
  readonly generation: number;
  /** The same for counters, never to be used again: 0 … 2^53 - 1 (see `CounterOptions`). */
  readonly life: number;
  /** Overrides single settings of `stateDefaults`; of its heartbeats, `heartbeatDefaults` for this detector. */
  readonly state?: Partial<StateConfig>;
  readonly counters?: Partial<CounterLimits & CounterSyncSettings>;
  /** Overrides single settings of `phiDefaults`, or where "phi" accuses of those chosen for that (`phiOf`). */
  readonly phi?: Partial<PhiSettings>;
  /** Who accuses members whose heartbeats are heard: "swim" (a failed probe), "phi" (their silence). Default "swim". */
  readonly detector?: "swim" | "phi";
}

/** Why something between capable nodes was refused; counted beside the other reasons. */
export type ExtensionDropReason =
  /** A message outside Serf's range that cannot be read as one of ours. */
  | "extension-malformed"
  /** From somebody who is no member here, or does not say that it speaks this. */
  | "extension-stranger"
  /** To a machine that we do not know. */
  | "extension-unknown-type";

export type ExtendedEvent =
  | SerfEvent
  | Exclude<StateEvent, { readonly type: "heartbeat" }>
  /** Phi accrual has come to suspect a member: told also where "swim" is the judge. */
  | { readonly type: "phi-suspect"; readonly name: string; readonly phi: number; readonly silentMs: number };
