/**
 * What the nodes said of each other while one command ran, put into a few lines: per kind of news and node it is about,
 * who said so and when; nodes with much the same observers share a line.
 */
import type { NewsKind } from "./pool.ts";
import { nodesText } from "./syntax.ts";

/** One line: this was said of these, by those, from then to then (virtual ms). */
export interface NewsLine {
  readonly kind: NewsKind;
  /** Nodes; for "heard" broadcasts. */
  readonly about: readonly number[];
  readonly by: readonly number[];
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Topic {
  readonly kind: NewsKind;
  readonly about: number[];
  /** One bit for each node. */
  readonly by: Uint8Array;
  firstMs: number;
  lastMs: number;
}

const order: readonly NewsKind[] = [
  "joined",
  "suspected",
  "refuted",
  "dead",
  "left",
  "forgotten",
  "updated",
  "heard",
  "isolated",
  "no longer isolated",
  "join failed",
];

/** Two nodes share a line when at least this share of the shorter list of observers is in the other one. */
const likeness = 0.5;

export class News {
  readonly #size: number;
  readonly #topics = new Map<NewsKind, Map<number, Topic>>();

  constructor(size: number) {
    this.#size = size;
  }

  add(observer: number, kind: NewsKind, about: number, now: number): void {
    let topics = this.#topics.get(kind);
    if (topics === undefined) this.#topics.set(kind, (topics = new Map()));
    let topic = topics.get(about);
    if (topic === undefined) {
      const by = new Uint8Array(Math.ceil(this.#size / 8));
      topics.set(about, (topic = { kind, about: [about], by, firstMs: now, lastMs: now }));
    }
    topic.by[observer >> 3]! |= 1 << (observer & 7);
    topic.lastMs = now;
  }

  /** In order of time; empties it. */
  take(): NewsLine[] {
    const lines: NewsLine[] = [];
    for (const kind of order) {
      const topics = [...(this.#topics.get(kind)?.values() ?? [])].sort((a, b) => a.about[0]! - b.about[0]!);
      const own = kind === "isolated" || kind === "no longer isolated" || kind === "join failed";
      for (const topic of merged(topics, own)) {
        const { about, firstMs, lastMs } = topic;
        lines.push({ kind, about, by: members(topic.by), firstMs, lastMs });
      }
    }
    this.#topics.clear();
    return lines.sort((a, b) => a.firstMs - b.firstMs);
  }
}

/** @param own nodes speak of themselves: one line. */
function merged(topics: readonly Topic[], own: boolean): Topic[] {
  const lines: Topic[] = [];
  for (const topic of topics) {
    const like = lines.find((line) => own || alike(line.by, topic.by));
    if (like === undefined) {
      lines.push(topic);
      continue;
    }
    like.about.push(...topic.about);
    like.firstMs = Math.min(like.firstMs, topic.firstMs);
    like.lastMs = Math.max(like.lastMs, topic.lastMs);
    for (let i = 0; i < like.by.length; i++) like.by[i]! |= topic.by[i]!;
  }
  return lines;
}

function alike(a: Uint8Array, b: Uint8Array): boolean {
  let both = 0;
  let inA = 0;
  let inB = 0;
  for (let i = 0; i < a.length; i++) {
    both += bits(a[i]! & b[i]!);
    inA += bits(a[i]!);
    inB += bits(b[i]!);
  }
  return both >= likeness * Math.min(inA, inB);
}

function bits(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function members(set: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i < set.length * 8; i++) if ((set[i >> 3]! >> (i & 7)) & 1) found.push(i);
  return found;
}

const phrases: Readonly<Record<NewsKind, string>> = {
  joined: "seen joining by",
  suspected: "suspected by",
  refuted: "cleared by",
  dead: "declared dead by",
  left: "seen leaving by",
  forgotten: "forgotten by",
  updated: "seen updated by",
  heard: "heard by",
  isolated: "alone: no other member alive",
  "no longer isolated": "no longer alone",
  "join failed": "could not join",
};

/** `10..29 suspected by 0..9`. */
export function newsText({ kind, about, by }: NewsLine): string {
  const phrase = phrases[kind];
  if (kind === "isolated" || kind === "no longer isolated" || kind === "join failed") {
    return `${nodesText(about)} ${phrase}`;
  }
  const subject = kind === "heard" ? `broadcast ${nodesText(about)}` : nodesText(about);
  return `${subject} ${phrase} ${nodesText(by)}`;
}
