/**
 * The `why` command: what a node observed of a member. Ours, not Serf's. The request's body is `{Node}`; the answer's
 * body is
 *
 *     { Name, Summary, Member: record or nil, Evidence: [ { Type, Time, Incarnation, … }, … ] }
 *
 * oldest first. `Type` is one of the evidence types of `@hearsay/core`, `Time` is wall time in ms since 1970; the other
 * fields of each type are those of `@hearsay/core` with a capital letter (`SeqNo`, `ElapsedMs`, `Via`, `From`, …).
 */
import type { Explanation, WallEvidence } from "@hearsay/node";
import { type MsgpackInput, Reader } from "@hearsay/wire";
import { RefusedRequest } from "./errors.ts";
import { memberBody } from "./messages.ts";

/** A piece of evidence as a client sees it: newer agents may send types and fields that this program does not know. */
export interface EvidenceRecord {
  readonly type: string;
  readonly time: Date;
  readonly incarnation: number;
  /** The rest, by the names of `@hearsay/core`. */
  readonly details: Readonly<Record<string, string | number>>;
}

export interface ExplanationRecord {
  readonly name: string;
  readonly summary: string;
  /** Status, and where it is or was; undefined when the member is forgotten. */
  readonly member: { readonly status: string } | undefined;
  readonly evidence: readonly EvidenceRecord[];
}

export function explanationBody(explanation: Explanation): MsgpackInput {
  return {
    Name: explanation.name,
    Summary: explanation.summary,
    Member: explanation.member === undefined ? null : memberBody(explanation.member),
    Evidence: explanation.evidence.map(evidenceBody),
  };
}

function evidenceBody(evidence: WallEvidence): MsgpackInput {
  const body: Record<string, MsgpackInput> = {};
  for (const [key, value] of Object.entries(evidence) as [string, string | number | Date][]) {
    // The machine's own clock means nothing to others.
    if (key === "at") continue;
    body[key.charAt(0).toUpperCase() + key.slice(1)] = plain(value);
  }
  return body;
}

/** Dates as ms since 1970, durations to the microsecond: their further digits are noise. */
function plain(value: string | number | Date): string | number {
  if (value instanceof Date) return value.getTime();
  return typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
}

/** Throws RefusedRequest when the bytes are no such body. */
export function decodeExplanation(bytes: Uint8Array): ExplanationRecord {
  const reader = new Reader(bytes);
  const value = reader.value({ maxItems: 1_000_000 });
  if (!(value instanceof Map)) throw new RefusedRequest("an explanation that cannot be read");
  const evidence = value.get("Evidence");
  const member = value.get("Member");
  return {
    name: String(value.get("Name") ?? ""),
    summary: String(value.get("Summary") ?? ""),
    member: member instanceof Map ? { status: String(member.get("Status")) } : undefined,
    evidence: Array.isArray(evidence) ? evidence.flatMap((one) => (one instanceof Map ? [readEvidence(one)] : [])) : [],
  };
}

function readEvidence(fields: ReadonlyMap<unknown, unknown>): EvidenceRecord {
  const details: Record<string, string | number> = {};
  for (const [key, value] of fields) {
    if (typeof key !== "string" || key === "Type" || key === "Time" || key === "Incarnation") continue;
    if (typeof value === "string" || typeof value === "number")
      details[key.charAt(0).toLowerCase() + key.slice(1)] = value;
  }
  return {
    type: String(fields.get("Type") ?? ""),
    time: new Date(Number(fields.get("Time") ?? 0)),
    incarnation: Number(fields.get("Incarnation") ?? 0),
    details,
  };
}
