/** Evidence in plain words, one line each, for `hearsay why`. */
import type { EvidenceType } from "@hearsay/core";
import type { EvidenceRecord } from "../rpc/why.ts";

type Details = EvidenceRecord["details"];
type Wording = (d: Details) => string;

const ms = (value: string | number | undefined): string => {
  const number = Number(value ?? 0);
  return number >= 10_000 ? `${(number / 1000).toFixed(1)} s` : `${Math.round(number)} ms`;
};
const toldBy = ({ from }: Details): string => (from ? ` (told by ${from})` : "");
const by = ({ from }: Details): string => (from ? String(from) : "somebody");
const via = ({ via: relay }: Details): string => (relay ? ` through ${relay}` : "");

const WORDS: Readonly<Record<EvidenceType, Wording>> = {
  "ping-sent": (d) => `we pinged it (#${d.seqNo})`,
  "ping-unanswered": (d) => `our ping #${d.seqNo} had no answer within ${ms(d.elapsedMs)}`,
  ack: (d) => `it answered our ping #${d.seqNo} after ${ms(d.elapsedMs)}`,
  "indirect-ping-sent": (d) => `we asked ${d.via || "another member"} to ping it (#${d.seqNo})`,
  "indirect-nack": (d) => `${d.via || "a relay"} had no answer from it either (#${d.seqNo}, after ${ms(d.elapsedMs)})`,
  "indirect-ack": (d) => `it answered${via(d)} (#${d.seqNo}, after ${ms(d.elapsedMs)})`,
  "stream-ping-failed": (d) => `our ping over TCP failed after ${ms(d.elapsedMs)}: ${streamFailure(d.reason)}`,
  "stream-ping-ack": (d) => `it answered our ping over TCP after ${ms(d.elapsedMs)}: UDP may be blocked`,
  "probe-failed": (d) => {
    const nacks = Number(d.nacksExpected) > 0 ? `; ${d.nacksReceived} of ${d.nacksExpected} relays reported back` : "";
    const slow =
      Number(d.healthScore) > 0 ? `; our own health score was ${d.healthScore}, so we may be the slow one` : "";
    return `our probe #${d.seqNo} failed on every path after ${ms(d.elapsedMs)}${nacks}${slow}`;
  },
  silent: (d) => `no heartbeat of it for ${ms(d.silentMs)}: phi ${Number(d.phi).toFixed(1)}`,
  suspected: (d) => `${by(d)} suspects it; ${ms(d.remainingMs)} to speak up`,
  confirmed: (d) =>
    `${by(d)} suspects it too (${d.confirmations} of ${d.confirmationsWanted}); ${ms(d.remainingMs)} left to speak up`,
  dead: (d) => {
    const waited = Number(d.suspectedForMs) >= 0 ? `, ${ms(d.suspectedForMs)} after the first suspicion` : "";
    return `${by(d)} declared it dead${waited}`;
  },
  left: (d) => `it left${toldBy(d)}`,
  alive: (d) => `it is alive${toldBy(d)}`,
  joined: (d) => `it joined${toldBy(d)}`,
  refuted: (d) => `it refuted the suspicion${toldBy(d)}`,
  conflict: (d) => `another process claims its name from ${d.address}:${d.port}`,
  moved: (d) => `it moved to ${d.address}:${d.port}`,
  stalled: (d) => `we ourselves stood still for ${ms(d.lateMs)}: silence in that time is no evidence`,
};

/** By the words of `@hearsay/core`'s `StreamFailure`; drop reasons stay as they are. */
const STREAM_FAILURES: Readonly<Record<string, string>> = {
  refused: "the connection was refused",
  connect: "no connection",
  timeout: "no answer in time",
  closed: "the connection was closed",
  aborted: "given up",
};

function streamFailure(reason: string | number | undefined): string {
  const key = String(reason);
  return Object.hasOwn(STREAM_FAILURES, key) ? STREAM_FAILURES[key]! : key;
}

export function evidenceText({ type, details }: EvidenceRecord): string {
  if (Object.hasOwn(WORDS, type)) return WORDS[type as EvidenceType](details);
  // A newer agent's kind of evidence: shown as it is.
  return [type, ...Object.entries(details).map(([key, value]) => `${key}=${value}`)].join(" ");
}
