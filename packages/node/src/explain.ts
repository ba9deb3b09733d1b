/**
 * One sentence for people out of the evidence: what became of a member, and which observations led there. The data are
 * complete, this is a reading of them; it leaves out what did not matter.
 */

import type { MemberStateName } from "@hearsay/core";
import type { MemberStatus, WallEvidence } from "./api.ts";

export interface Subject {
  readonly name: string;
  /** Undefined when the member itself is forgotten. */
  readonly member:
    | {
        readonly status: MemberStatus;
        readonly state: MemberStateName;
        readonly since: Date;
        readonly incarnation: number;
        readonly address: string;
        readonly port: number;
      }
    | undefined;
  /** Oldest first. */
  readonly evidence: readonly WallEvidence[];
  /** The name of the node that speaks. */
  readonly speaker: string;
  /** Wall time now: dates other than today's are written out. */
  readonly now: Date;
}

type Of<T extends WallEvidence["type"]> = WallEvidence & { readonly type: T };

/** `failed at 12:00:05.120: direct ping 1841 had no ack within 500 ms; …`; no full stop. */
export function summarize(subject: Subject): string {
  const { member, name, speaker } = subject;
  const words = new Words(speaker, subject.now);
  if (name === speaker) return aboutSelf(subject, words);
  if (!member) return aboutForgotten(subject, words);
  // Serf's status may be ahead of the detector's state: "leaving" comes before "left".
  if (member.status === "leaving")
    return `leaving since ${words.time(member.since)}; ${aboutGone(subject, words) || "it said so itself"}`;
  if (member.status === "left") return `left at ${words.time(member.since)}: ${leftBecause(subject, words)}`;
  if (member.status === "failed" || member.state === "dead" || member.state === "left") {
    const details = aboutGone(subject, words);
    return `failed at ${words.time(member.since)}${details === "" ? ": others told so before this node saw anything of it" : `: ${details}`}`;
  }
  if (member.state === "suspect") return aboutSuspect(subject, words);
  return aboutAlive(subject, words);
}

function aboutSelf({ evidence, member }: Subject, words: Words): string {
  const parts = ["this node itself"];
  const stall = evidence.findLast((one) => one.type === "stalled");
  if (stall?.type === "stalled") {
    parts.push(`it stood still for ${words.duration(stall.lateMs)} until ${words.time(stall.time)}`);
  }
  const refutations = evidence.filter((one) => one.type === "refuted");
  const last = refutations.at(-1);
  if (last?.type === "refuted") {
    const by = last.from === "" ? "" : ` of ${words.who(last.from)}`;
    const often = refutations.length > 1 ? `, ${refutations.length} in all` : "";
    parts.push(`it refuted an accusation${by} at ${words.time(last.time)} (incarnation ${last.incarnation}${often})`);
  }
  const conflict = evidence.findLast((one) => one.type === "conflict");
  if (conflict?.type === "conflict") {
    parts.push(`its name was claimed by ${place(conflict)} too (last at ${words.time(conflict.time)})`);
  }
  if (parts.length === 1)
    parts.push(member ? `running since ${words.time(member.since)}, never accused` : "never accused");
  return parts.join("; ");
}

function aboutForgotten(subject: Subject, words: Words): string {
  const last = subject.evidence.at(-1);
  const details = aboutGone(subject, words);
  const when = last ? ` (last heard of at ${words.time(last.time)})` : "";
  return `no longer a member${when}${details === "" ? "" : `: ${details}`}`;
}

function aboutSuspect(subject: Subject, words: Words): string {
  const episode = lastEpisode(subject.evidence);
  const accusation = episode.findLast((one) => one.type === "suspected" || one.type === "confirmed");
  const parts = [...probeParts(episode, words), ...silenceParts(episode, words), ...accusationParts(episode, words)];
  if (accusation && "remainingMs" in accusation) {
    const deadAt = new Date(accusation.time.getTime() + accusation.remainingMs);
    parts.push(`dead at ${words.time(deadAt)} unless it answers (incarnation ${accusation.incarnation})`);
  }
  const since = subject.member ? ` since ${words.time(subject.member.since)}` : "";
  const first = accusation ? episode.find((one) => one.type === "suspected") : undefined;
  return `suspected${first ? ` since ${words.time(first.time)}` : since}: ${parts.join("; ") || "told by others"}`;
}

function aboutAlive({ evidence, member }: Subject, words: Words): string {
  const parts: string[] = [];
  // What went unanswered before its last sign of life led to nothing.
  const saved = lastEpisode(evidence).findLast((one) => one.type === "indirect-ack" || one.type === "stream-ping-ack");
  const refuted = evidence.findLast((one) => one.type === "refuted");
  if (refuted?.type === "refuted") {
    const accused = evidence.findLast((one) => one.type === "suspected" && one.time <= refuted.time);
    const by = accused?.type === "suspected" ? ` of ${words.who(accused.from)}` : "";
    parts.push(`refuted the suspicion${by} at ${words.time(refuted.time)} (incarnation ${refuted.incarnation})`);
  }
  const back = evidence.findLast((one) => one.type === "alive");
  if (back) parts.push(`came back at ${words.time(back.time)} (incarnation ${back.incarnation})`);
  const moved = evidence.findLast((one) => one.type === "moved");
  if (moved?.type === "moved") parts.push(`moved to ${place(moved)} at ${words.time(moved.time)}`);
  if (saved?.type === "indirect-ack") {
    const via = saved.via === "" ? "a relay" : words.who(saved.via);
    parts.push(`a direct ping had no ack, but one came by way of ${via} at ${words.time(saved.time)}`);
  } else if (saved?.type === "stream-ping-ack") {
    parts.push(`UDP had no ack, but TCP did at ${words.time(saved.time)}: UDP to it may be blocked`);
  }
  const rival = lastRival(evidence, member);
  if (rival) parts.push(`its name was claimed by ${place(rival)} too (last at ${words.time(rival.time)})`);
  const since = member ? ` since ${words.time(member.since)}` : "";
  if (parts.length > 0) return `alive${since}: ${parts.join("; ")}`;
  const spotless = evidence.every(({ type }) => type === "joined");
  return `alive${since}; nothing ${spotless ? "was ever" : "is"} held against it`;
}

/** Another process under its name; not the member itself, which claims its name from a new address when it moves. */
function lastRival(evidence: readonly WallEvidence[], member: Subject["member"]): Of<"conflict"> | undefined {
  const settled = evidence.findLastIndex(({ type }) => type === "moved" || type === "joined");
  return evidence
    .slice(settled + 1)
    .findLast(
      (one): one is Of<"conflict"> =>
        one.type === "conflict" && !(one.address === member?.address && one.port === member.port),
    );
}

function leftBecause(subject: Subject, words: Words): string {
  const left = subject.evidence.findLast((one) => one.type === "left");
  if (left?.type === "left" && left.from !== "" && left.from !== subject.name) {
    return `${words.who(left.from)} declared it so`;
  }
  if (left) return `it said goodbye itself (incarnation ${left.incarnation})`;
  // Failed first, and then forced out by somebody.
  const details = aboutGone(subject, words);
  return details === ""
    ? "it said goodbye, or was declared left by an operator"
    : `an operator declared it left; before that ${details}`;
}

/** How it came to be dead: probes, accusers, verdict. Empty when the evidence has nothing. */
function aboutGone({ evidence, name }: Subject, words: Words): string {
  const episode = lastEpisode(evidence);
  const parts = [...probeParts(episode, words), ...accusationParts(episode, words)];
  const verdict = episode.findLast((one) => one.type === "dead" || one.type === "left");
  if (verdict?.type === "dead") {
    const by = words.isUs(verdict.from) ? "dead" : `${words.who(verdict.from)} declared it dead`;
    const after =
      verdict.suspectedForMs >= 0 ? ` ${words.duration(verdict.suspectedForMs)} after the first suspicion` : "";
    const unseen = after === "" && !words.isUs(verdict.from) ? ", never suspected here" : "";
    parts.push(`${by}${after}${unseen} (incarnation ${verdict.incarnation})`);
  } else if (verdict?.type === "left") {
    parts.push(
      verdict.from === "" || verdict.from === name
        ? `it left the pool itself at ${words.time(verdict.time)} (incarnation ${verdict.incarnation})`
        : `${words.who(verdict.from)} declared it left at ${words.time(verdict.time)}`,
    );
  }
  return parts.join("; ");
}

/** Everything since it was last known to live. */
function lastEpisode(evidence: readonly WallEvidence[]): readonly WallEvidence[] {
  const alive = evidence.findLastIndex(
    ({ type }) => type === "alive" || type === "joined" || type === "moved" || type === "refuted",
  );
  return evidence.slice(alive + 1);
}

/** The last probe of ours that failed, in the order things were tried, and how many more there were. */
function probeParts(episode: readonly WallEvidence[], words: Words): string[] {
  const failures = episode.filter((one): one is Of<"probe-failed"> => one.type === "probe-failed");
  // The first one led to the accusation; later ones only repeat it.
  const failed = failures[0];
  const unanswered = episode.filter((one): one is Of<"ping-unanswered"> => one.type === "ping-unanswered");
  const ping = failed ? unanswered.find((one) => one.seqNo === failed.seqNo) : unanswered.at(-1);
  const seqNo = failed?.seqNo ?? ping?.seqNo;
  if (seqNo === undefined) return [];
  const parts: string[] = [];
  if (ping) parts.push(`direct ping ${seqNo} had no ack within ${words.duration(ping.elapsedMs)}`);
  else parts.push(`direct ping ${seqNo} could not be sent`);
  const relays = episode.filter(
    (one): one is Of<"indirect-ping-sent"> => one.type === "indirect-ping-sent" && one.seqNo === seqNo,
  );
  const nacks = episode.filter((one) => one.type === "indirect-nack" && one.seqNo === seqNo).length;
  if (relays.length > 0) {
    const asked = `${count(relays.length, "relay")} asked (${relays.map(({ via }) => words.who(via)).join(", ")})`;
    parts.push(`${asked}: ${nacks === 0 ? "no answer" : count(nacks, "nack")}`);
  } else if (failed) {
    parts.push("no other member to ask");
  }
  const start = ping ? ping.at - ping.elapsedMs : Number.NEGATIVE_INFINITY;
  const end = failed ? failed.at : Number.POSITIVE_INFINITY;
  const tcp = episode.findLast((one) => one.type === "stream-ping-failed" && one.at >= start && one.at <= end);
  if (tcp?.type === "stream-ping-failed") parts.push(`TCP ping ${tcpFailure(tcp.reason)}`);
  if (failed && failed.healthScore > 0) {
    parts.push(`our own health score was ${failed.healthScore}, so we may have been the slow one`);
  }
  if (failures.length > 1) parts.push(`${count(failures.length - 1, "more probe")} unanswered`);
  return parts;
}

/** What made us accuse it, where phi accrual is the judge. */
function silenceParts(episode: readonly WallEvidence[], words: Words): string[] {
  const silent = episode.find((one): one is Of<"silent"> => one.type === "silent");
  return silent ? [`no heartbeat for ${words.duration(silent.silentMs)} (phi ${silent.phi.toFixed(1)})`] : [];
}

function accusationParts(episode: readonly WallEvidence[], words: Words): string[] {
  const suspected = episode.find((one): one is Of<"suspected"> => one.type === "suspected");
  if (!suspected) return [];
  const confirmers = episode.flatMap((one) => (one.type === "confirmed" ? [words.who(one.from)] : []));
  const accused = `accused by ${words.who(suspected.from)} at ${words.time(suspected.time)}`;
  if (confirmers.length > 0) return [`${accused}, confirmed by ${list([...new Set(confirmers)])}`];
  return [suspected.confirmationsWanted > 0 ? `${accused}, confirmed by nobody` : accused];
}

function tcpFailure(reason: string): string {
  switch (reason) {
    case "connect":
      return "could not connect";
    case "refused":
      return "refused";
    case "timeout":
      return "had no answer in time";
    case "closed":
      return "was closed without an answer";
    default:
      return `failed (${reason})`;
  }
}

function place({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** `a`, `a and b`, `a, b and c`; long lists are cut. */
function list(words: readonly string[]): string {
  const shown = words.length > 6 ? [...words.slice(0, 5), `${words.length - 5} others`] : words;
  return shown.length <= 1 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

class Words {
  readonly #speaker: string;
  readonly #today: string;

  constructor(speaker: string, now: Date) {
    this.#speaker = speaker;
    this.#today = day(now);
  }

  isUs(name: string): boolean {
    return name === this.#speaker;
  }

  who(name: string): string {
    if (name === "") return "an unknown member";
    return this.isUs(name) ? "us" : name;
  }

  /** Local time to the millisecond, with the date if it is not today's. */
  time(at: Date): string {
    const two = (n: number) => String(n).padStart(2, "0");
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
    return day(at) === this.#today ? clock : `${day(at)} ${clock}`;
  }

  duration(ms: number): string {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
    if (ms < 7_200_000) return `${(ms / 60_000).toFixed(0)} min`;
    return `${(ms / 3_600_000).toFixed(1)} h`;
  }
}

function day(at: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
