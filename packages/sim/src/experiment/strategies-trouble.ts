/**
 * The part of `strategies` about trouble: the master dies, a link dies, a way is cut in one direction. What came of it is
 * measured as facts (who holds whom for dead), and the words are made from those facts alone.
 */
import type { Cluster } from "../strategies/cluster.ts";
import { advance, advanceUntil, type Progress } from "./experiment.ts";

export type FaultName = "node 0 dies" | "link dies" | "one-way link" | "mute";
export const faultNames: readonly FaultName[] = ["node 0 dies", "link dies", "one-way link", "mute"];

export interface TroubleFacts {
  readonly fault: FaultName;
  readonly nodes: number;
  /** The member at the other end of the fault: the one that is cut off from number 0, or mute. */
  readonly peer: number;
  /** How long the fault lasted, or a crash was given to be noticed: ms. */
  readonly faultMs: number;
  /** Crashes in order of time: how many of the living hold each for dead at the end, and when the last did. */
  readonly crashes: readonly {
    readonly member: number;
    readonly known: number;
    readonly everyoneMs: number | undefined;
  }[];
  /** Living members. */
  readonly living: number;
  /** Living members held for dead at the end of the fault: who by whom. */
  readonly wrong: readonly { readonly observer: number; readonly member: number }[];
  /** Different opinions about who is alive, among the living; their opinions of themselves left out. */
  readonly views: number;
  /** Verdicts changed during the fault. */
  readonly changes: number;
  /** ms after mending until nobody living was held for dead; undefined when that did not come within `faultMs`. */
  readonly healedMs: number | undefined;
}

/** Crashes after that of node 0. */
const laterCrashes = 3;
/** How closely the end of an episode is looked for: ms. */
const lookMs = 100;

type Doing = (share: number) => Progress;

/** Puts a warm cluster through one fault. */
export function* meetTrouble(
  cluster: Cluster,
  fault: FaultName,
  faultMs: number,
  doing: Doing,
): Generator<Progress, TroubleFacts, void> {
  const { length } = cluster.nodes;
  const peer = length - 1;
  let changes = 0;
  const crashes = new Map<number, { at: number; knows: Map<number, number> }>();
  cluster.onVerdict = (observer, member, alive, now) => {
    changes++;
    const crash = crashes.get(member);
    if (alive) crash?.knows.delete(observer);
    else crash?.knows.set(observer, now - crash.at);
  };
  if (fault === "node 0 dies") {
    // Each has its time to be noticed, the first before the others happen.
    for (const victims of [[0], Array.from({ length: Math.min(laterCrashes, length - 3) }, (_, i) => peer - i)]) {
      for (const member of victims) {
        cluster.crash(member);
        crashes.set(member, { at: cluster.now, knows: new Map() });
      }
      yield* advance(cluster, faultMs, doing);
    }
  } else {
    cutFor(cluster, fault, peer);
    yield* advance(cluster, faultMs, doing);
  }
  const living = cluster.nodes.filter(({ alive }) => alive).map(({ index }) => index);
  const wrong = wrongVerdicts(cluster, living);
  const facts = {
    fault,
    nodes: length,
    peer,
    faultMs,
    living: living.length,
    crashes: [...crashes].map(([member, { knows }]) => {
      const times = living.flatMap((observer) => knows.get(observer) ?? []);
      const everyoneMs = times.length === living.length ? times.reduce((most, ms) => Math.max(most, ms), 0) : undefined;
      return { member, known: times.length, everyoneMs };
    }),
    wrong,
    views: countViews(cluster, living),
    changes,
  };
  cluster.onVerdict = undefined;
  cluster.network.heal(cluster.nodes);
  const right = () => wrongVerdicts(cluster, living).length === 0;
  const healedMs = wrong.length === 0 ? 0 : yield* advanceUntil(cluster, right, faultMs, lookMs, doing);
  return { ...facts, healedMs };
}

function cutFor({ network, nodes }: Cluster, fault: FaultName, peer: number): void {
  const from = nodes[peer]!;
  const master = nodes[0]!;
  if (fault === "mute") {
    for (const to of nodes) if (to !== from) network.cut(from, to);
    return;
  }
  network.cut(from, master);
  if (fault === "link dies") network.cut(master, from);
}

function wrongVerdicts(cluster: Cluster, living: readonly number[]): { observer: number; member: number }[] {
  return living.flatMap((observer) =>
    living
      .filter((member) => member !== observer && !cluster.holdsAlive(observer, member))
      .map((member) => ({ observer, member })),
  );
}

function countViews(cluster: Cluster, living: readonly number[]): number {
  const views = new Set<string>();
  for (const observer of living) {
    const dead = cluster.nodes
      .filter(({ index }) => index !== observer && !cluster.holdsAlive(observer, index))
      .map(({ index }) => index);
    views.add(dead.join(" "));
  }
  return views.size;
}

// Words

/** What came of a fault in one sentence, from the facts alone. */
export function behaviour(facts: TroubleFacts): string {
  const parts = facts.fault === "node 0 dies" ? crashWords(facts) : wrongWords(facts);
  if (facts.fault === "node 0 dies" && facts.wrong.length > 0) parts.push(...wrongWords(facts));
  if (facts.wrong.length > 0) {
    parts.push(
      facts.healedMs === undefined
        ? `not all right again ${seconds(facts.faultMs)} after mending`
        : `right again ${seconds(facts.healedMs)} after mending`,
    );
  }
  return parts.join("; ");
}

function crashWords({ crashes, living, faultMs }: TroubleFacts): string[] {
  const [first, ...later] = crashes;
  const parts = [`its death is known to ${share(first!.known, living, "survivors")}${after(first!.everyoneMs)}`];
  const unseen = later.filter(({ known }) => known === 0).length;
  const everywhere = later.flatMap(({ everyoneMs }) => everyoneMs ?? []);
  if (unseen === later.length) {
    const none = `none of ${later.length} crashes after that is noticed by anyone in ${seconds(faultMs)}`;
    // Only where the first death was noticed everywhere in as long does that mean anything for the future.
    parts.push(first!.everyoneMs === undefined ? none : `${none}: all ${living} members left are unseen from then on`);
  } else if (everywhere.length === later.length) {
    const worst = everywhere.reduce((most, ms) => Math.max(most, ms));
    parts.push(`${later.length} crashes after that are known to everyone within ${seconds(worst)}`);
  } else {
    parts.push(
      `of ${later.length} crashes after that ${unseen} are noticed by nobody, ${everywhere.length} by everyone`,
    );
  }
  return parts;
}

function wrongWords({ wrong, living }: TroubleFacts): string[] {
  if (wrong.length === 0) return ["nobody living is held for dead"];
  const byMember = groupBy(wrong, ({ member }) => member);
  const shared = [...byMember].filter(([, pairs]) => pairs.length > 1);
  const parts =
    shared.length > 3
      ? [`${shared.length} members, which are alive, are held for dead by several others each`]
      : shared.map(
          ([member, pairs]) =>
            `node ${member}, which is alive, is held for dead by ${share(pairs.length, living - 1, "others")}`,
        );
  // Accused by one alone: that one's story.
  const single = wrong.filter(({ member }) => byMember.get(member)!.length === 1);
  const accusers = groupBy(single, ({ observer }) => observer);
  if (accusers.size > 3) {
    parts.push(`${single.length} members are held for dead by one of ${accusers.size} others each`);
  } else {
    for (const [observer, pairs] of accusers) {
      const whom = pairs.length === 1 ? `node ${pairs[0]!.member}` : share(pairs.length, living - 1, "others");
      parts.push(`node ${observer} alone holds ${whom} for dead`);
    }
  }
  const content = living - new Set(wrong.map(({ observer }) => observer)).size;
  if (content > 0) parts.push(content === 1 ? "one member sees nothing wrong" : `${content} members see nothing wrong`);
  return parts;
}

function groupBy<T>(values: readonly T[], key: (value: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group) group.push(value);
    else groups.set(key(value), [value]);
  }
  return groups;
}

function share(count: number, of: number, whom: string): string {
  return count === of ? `all ${of} ${whom}` : count === 0 ? `none of ${of} ${whom}` : `${count} of ${of} ${whom}`;
}

function after(ms: number | undefined): string {
  return ms === undefined ? "" : ` after ${seconds(ms)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
