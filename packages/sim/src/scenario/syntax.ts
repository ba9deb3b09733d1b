/**
 * The words of a scenario's line, read one by one. What is wrong is said with file and line, and what would be right.
 * Sets of nodes are `3`, `0..9`, `0..4,7` or `all`; every quantity has its unit.
 */

/** One line for the user: `FILE:LINE: what is wrong`. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  readonly file: string;
  readonly line: number;

  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`);
    this.file = file;
    this.line = line;
  }
}

interface Word {
  readonly text: string;
  readonly at: number;
}

const msOf: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const bytesOf: Readonly<Record<string, number>> = { B: 1, kB: 1000, MB: 1_000_000, GB: 1_000_000_000 };
/** A day: longer durations are slips. */
export const maxDurationMs = 24 * 3_600_000;

export class Words {
  readonly #text: string;
  readonly #words: readonly Word[];
  readonly #fail: (what: string) => ScenarioError;
  /** What the whole line should look like. */
  usage = "";
  #at = 0;

  /** @param text without its comment. */
  constructor(text: string, fail: (what: string) => ScenarioError) {
    this.#text = text;
    this.#fail = fail;
    this.#words = [...text.matchAll(/<>|[|<>]|[^\s|<>]+/g)].map((match) => ({ text: match[0], at: match.index }));
  }

  /** To be thrown. */
  wrong(what: string): ScenarioError {
    return this.#fail(what);
  }

  get ended(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The next word, left where it is; "" at the end. */
  get ahead(): string {
    return this.lookahead(0);
  }

  /** The word so many places behind the next one. */
  lookahead(places: number): string {
    return this.#words[this.#at + places]?.text ?? "";
  }

  /** @param what is expected here, for the message when there is nothing. */
  next(what: string): string {
    if (this.ended) throw this.wrong(`${what} is missing: ${this.usage}`);
    return this.#words[this.#at++]!.text;
  }

  /** Takes the word if it is the next one. */
  take(word: string): boolean {
    if (this.ahead !== word) return false;
    this.#at++;
    return true;
  }

  /** The word must be the next one. */
  need(word: string): void {
    if (this.take(word)) return;
    const found = this.ended ? "is missing" : `expected, not "${this.ahead}"`;
    throw this.wrong(`"${word}" ${found}: ${this.usage}`);
  }

  end(): void {
    if (!this.ended) throw this.wrong(`"${this.ahead}" is too much: ${this.usage}`);
  }

  /** All that is left, as it was written. */
  rest(what: string): string {
    if (this.ended) throw this.wrong(`${what} is missing: ${this.usage}`);
    const { at } = this.#words[this.#at]!;
    this.#at = this.#words.length;
    return this.#text.slice(at).trimEnd();
  }

  choice<T extends string>(what: string, words: readonly T[]): T {
    const word = this.next(what);
    const found = words.find((one) => one === word);
    if (found !== undefined) return found;
    throw this.wrong(`${what}: ${listText(words)} expected, not "${word}"`);
  }

  integer(what: string, min: number, max: number): number {
    const word = this.next(what);
    const value = Number(word);
    if (/^\d+$/.test(word) && value >= min && value <= max) return value;
    throw this.wrong(`${what}: a whole number from ${min} to ${max} expected, not "${word}"`);
  }

  /** A plain number, without a unit. */
  number(what: string, min: number, max: number): number {
    const word = this.next(what);
    const value = Number(word);
    if (/^\d+(\.\d+)?$/.test(word) && value >= min && value <= max) return value;
    throw this.wrong(`${what}: a number from ${min} to ${max} expected, not "${word}"`);
  }

  /** ms. */
  duration(what: string, minMs = 0, maxMs = maxDurationMs): number {
    const word = this.next(what);
    const ms = parseDuration(word);
    if (ms === undefined) throw this.wrong(`${what}: a time with its unit expected (500ms, 10s, 2m), not "${word}"`);
    if (ms >= minMs && ms <= maxMs) return ms;
    throw this.wrong(`${what}: from ${durationText(minMs)} to ${durationText(maxMs)}, not ${word}`);
  }

  /** `+5s` or `-5s`: ms, without the sign; at least 1. */
  signed(what: string): number {
    const word = this.next(what);
    const ms = parseDuration(word.slice(1));
    if (ms !== undefined && ms >= 1 && ms <= maxDurationMs) return ms;
    throw this.wrong(`${what}: a time from ${word[0]}1ms to ${word[0]}24h expected, not "${word}"`);
  }

  /** `5%` or `0.05`: 0 … 1. */
  share(what: string): number {
    const word = this.next(what);
    const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(word) ?? [];
    // Through the decimal text, or 7% would be 0.07000000000000001.
    const value = digits === undefined ? Number.NaN : percent ? Number(`${digits}e-2`) : Number(digits);
    if (value >= 0 && value <= 1) return value;
    throw this.wrong(`${what}: a share from 0% to 100% expected, not "${word}"`);
  }

  /** `64kB`, `1.5MB`: bytes, at least 1. */
  bytes(what: string, suffix = ""): number {
    const word = this.next(what);
    const body = word.endsWith(suffix) ? word.slice(0, word.length - suffix.length) : "";
    const [, digits, unit] = /^(\d+(?:\.\d+)?)(B|kB|MB|GB)$/.exec(body) ?? [];
    const value = digits === undefined ? 0 : Math.round(Number(digits) * bytesOf[unit!]!);
    if (value >= 1) return value;
    throw this.wrong(`${what}: bytes with their unit expected (500B${suffix}, 64kB${suffix}), not "${word}"`);
  }

  node(what: string, size: number): number {
    const nodes = this.nodes(what, size);
    if (nodes.length === 1) return nodes[0]!;
    throw this.wrong(`${what}: one node expected, not ${nodes.length}`);
  }

  /** Numbers in ascending order, each once; at least one. */
  nodes(what: string, size: number): readonly number[] {
    const word = this.next(what);
    if (word === "all") return Array.from({ length: size }, (_, i) => i);
    const found = new Set<number>();
    for (const part of word.split(",")) {
      const [, first, last] = /^(\d+)(?:\.\.(\d+))?$/.exec(part) ?? [];
      if (first === undefined) {
        throw this.wrong(`${what}: nodes expected (3, 0..9, 0..4,7 or all), not "${word}"`);
      }
      const low = Number(first);
      const high = Number(last ?? first);
      if (high < low) throw this.wrong(`${what}: ${part} runs backwards; write ${high}..${low}`);
      if (high >= size) throw this.wrong(`${what}: there is no node ${high}; ${size} nodes are 0..${size - 1}`);
      for (let i = low; i <= high; i++) found.add(i);
    }
    return [...found].sort((a, b) => a - b);
  }
}

/** ms; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * msOf[unit!]!;
}

/** The shortest way to write it: `90s`, `2m`, `250ms`. */
export function durationText(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    if (ms >= msOf[unit]! && ms % msOf[unit]! === 0) return `${ms / msOf[unit]!}${unit}`;
  }
  return ms > 1000 ? `${Number((ms / 1000).toFixed(3))}s` : `${Number(ms.toFixed(3))}ms`;
}

/** `0..4,7`; of more than `most` pieces only how many nodes they are. */
export function nodesText(nodes: readonly number[], most = 6): string {
  const pieces: string[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const first = nodes[i]!;
    while (i + 1 < nodes.length && nodes[i + 1] === nodes[i]! + 1) i++;
    const last = nodes[i]!;
    if (last > first + 1) pieces.push(`${first}..${last}`);
    else pieces.push(...(last > first ? [`${first}`, `${last}`] : [`${first}`]));
  }
  if (pieces.length > most) return `${nodes.length} nodes`;
  return pieces.length === 0 ? "nobody" : pieces.join(",");
}

/** `a, b or c`. */
export function listText(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** `; did you mean "x"?` when a word is near, else nothing. */
export function suggestionText(word: string, words: readonly string[]): string {
  const longer = words.filter((one) => word.length >= 2 && one.startsWith(word));
  const ranked = words.map((one) => ({ one, slips: slips(word, one) })).sort((a, b) => a.slips - b.slips);
  const near = longer.length === 1 ? longer[0] : ranked.find((one) => 3 * one.slips <= word.length + 1)?.one;
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/** Letters to add, drop or change to come from one word to the other. */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, change));
    }
    row = next;
  }
  return row[b.length]!;
}
