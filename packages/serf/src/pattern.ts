/**
 * Regular expressions for tag filters: the RE2 syntax that Go peers write, matched in time proportional to pattern
 * times text whatever the pattern. Not JavaScript's engine, because a filter comes from the network and backtracking
 * lets forty bytes of it hold a node up for hours.
 *
 * A pattern is parsed to a tree, the tree is written out as a small program, and the program is run with a set of
 * positions instead of one (Thompson's construction). Only whether there is a match is asked, so there are no captures
 * and greedy and lazy are the same. Sources: Russ Cox, "Regular Expression Matching Can Be Simple And Fast"; the
 * documented syntax of RE2.
 *
 * Differences from Go: case folding knows one upper and one lower form of a letter. Text is matched by code point.
 */

/** Longest pattern looked at: UTF-16 units. Longer ones count as broken. */
export const maxPatternLength = 256;

/** Most instructions: what bounds the time for one code point of text. */
const maxProgram = 2000;
/** Most tree nodes written out, repeated ones counted again: bounds the time to compile. */
const maxWork = 20_000;
/** Most steps for one match: some milliseconds. No pattern that means well comes near it. */
const maxSteps = 250_000;
/** Steps that other work is worth: by measurement, so that a step is at most some fifty nanoseconds whatever is done. */
const Cost = { piece: 10, emit: 4, unicodeCompile: 8000, unicodeTest: 8, foldedTest: 6, rangesPerStep: 8 } as const;

/** Steps that may still be taken; counted down. Below zero: spent. */
export interface StepMeter {
  left: number;
}
/** RE2's limit for the numbers in {n,m}. */
const maxRepeat = 1000;

/** A compiled pattern; immutable but for its scratch space, so not for two matches at once. */
export class Pattern {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /**
   * Undefined when the pattern is broken, too long or too large; or when `meter` has not the steps, which is then below
   * zero.
   */
  static compile(source: string, meter: StepMeter = { left: Number.POSITIVE_INFINITY }): Pattern | undefined {
    if (source.length > maxPatternLength) return undefined;
    try {
      return new Pattern(new Writer(meter).write(new Parser(source, meter).parse()));
    } catch (error) {
      if (error instanceof PatternFault) return undefined;
      throw error;
    }
  }

  /**
   * Whether the pattern matches anywhere in `text`: it is not anchored. False as well when that takes too many steps to
   * find out, or more than `meter` has, which is then below zero.
   */
  test(text: string, meter?: StepMeter): boolean {
    const own: StepMeter = { left: Math.min(maxSteps, meter?.left ?? maxSteps) };
    const before = own.left;
    const found = run(this.#program, text, own);
    if (meter) meter.left -= before - own.left;
    return found;
  }
}

class PatternFault extends Error {}

// ---- the tree

type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word" | "not-word";
type CharTest = (code: number) => boolean;
type Tree =
  | { readonly type: "char"; readonly test: CharTest; readonly cost: number }
  | { readonly type: "assert"; readonly assertion: Assertion }
  | { readonly type: "sequence" | "choice"; readonly parts: readonly Tree[] }
  | { readonly type: "repeat"; readonly part: Tree; readonly min: number; readonly max: number };

interface Flags {
  fold: boolean;
  multiline: boolean;
  dotAll: boolean;
}

/** Recursive descent; as deep as the pattern has parentheses, which its length bounds. */
class Parser {
  readonly #source: string;
  #at = 0;
  #flags: Flags = { fold: false, multiline: false, dotAll: false };
  readonly #meter: StepMeter;
  /** Steps that the test being read will be worth each time. */
  #cost = 1;

  constructor(source: string, meter: StepMeter) {
    this.#source = source;
    this.#meter = meter;
  }

  parse(): Tree {
    const tree = this.#choice();
    if (this.#at < this.#source.length) throw new PatternFault("unexpected )");
    return tree;
  }

  #choice(): Tree {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { type: "choice", parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    // What a repetition operator may stand behind. Flags such as `(?i)` match nothing and cannot be repeated.
    let repeatable = false;
    while (this.#at < this.#source.length) {
      const next = this.#source[this.#at]!;
      if (next === "|" || next === ")") break;
      const repeat = this.#repetition();
      if (repeat) {
        if (!repeatable) throw new PatternFault("nothing to repeat");
        parts.push({ type: "repeat", part: parts.pop()!, ...repeat });
        // `a**` and `a{2}{3}` are refused by RE2.
        repeatable = false;
        continue;
      }
      const atom = this.#atom();
      repeatable = atom !== undefined;
      if (atom) parts.push(atom);
    }
    return parts.length === 1 ? parts[0]! : { type: "sequence", parts };
  }

  #repetition(): { min: number; max: number } | undefined {
    let range: { min: number; max: number } | undefined;
    if (this.#take("*")) range = { min: 0, max: Number.POSITIVE_INFINITY };
    else if (this.#take("+")) range = { min: 1, max: Number.POSITIVE_INFINITY };
    else if (this.#take("?")) range = { min: 0, max: 1 };
    else {
      const counted = /^\{(\d{1,6})(,(\d{0,6}))?\}/.exec(this.#source.slice(this.#at));
      if (!counted) return undefined; // A brace that counts nothing is a brace.
      this.#at += counted[0].length;
      const min = Number(counted[1]);
      const max = counted[2] === undefined ? min : counted[3] === "" ? Number.POSITIVE_INFINITY : Number(counted[3]);
      if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat) || min > max)
        throw new PatternFault("repeat count");
      range = { min, max };
    }
    this.#take("?"); // Lazy: makes no difference to whether there is a match.
    return range;
  }

  /** One thing to match; undefined for something that only sets flags or is empty text. */
  #atom(): Tree | undefined {
    this.#cost = 1;
    this.#spend(Cost.piece);
    const code = this.#next();
    switch (String.fromCodePoint(code)) {
      case "(":
        return this.#group();
      case "[":
        return this.#char(this.#class());
      case ".":
        return this.#char(this.#flags.dotAll ? () => true : (c) => c !== 10);
      case "^":
        return { type: "assert", assertion: this.#flags.multiline ? "line-start" : "text-start" };
      case "$":
        return { type: "assert", assertion: this.#flags.multiline ? "line-end" : "text-end" };
      case "\\":
        return this.#escaped();
      default:
        return this.#char(this.#literal(code));
    }
  }

  #group(): Tree | undefined {
    const outer = { ...this.#flags };
    if (this.#take("?")) {
      const name = /^P?<[A-Za-z0-9_]+>/.exec(this.#source.slice(this.#at));
      if (name) this.#at += name[0].length;
      else if (!this.#setFlags()) return undefined; // `(?i)`: holds until the group around it ends.
    }
    const inner = this.#choice();
    if (!this.#take(")")) throw new PatternFault("missing )");
    this.#flags = outer;
    return inner;
  }

  /** Reads `i-s:` or `i)` behind `(?`; true when a group body follows. */
  #setFlags(): boolean {
    const found = /^([imsU]*)(-([imsU]+))?([:)])/.exec(this.#source.slice(this.#at));
    if (!found || (found[4] === ")" && found[0].length === 1)) throw new PatternFault("group flags");
    this.#at += found[0].length;
    const flags = { ...this.#flags };
    for (const [letters, on] of [
      [found[1]!, true],
      [found[3] ?? "", false],
    ] as const) {
      if (letters.includes("i")) flags.fold = on;
      if (letters.includes("m")) flags.multiline = on;
      if (letters.includes("s")) flags.dotAll = on;
    }
    this.#flags = flags;
    return found[4] === ":";
  }

  #escaped(): Tree | undefined {
    const letter = this.#source[this.#at];
    switch (letter) {
      case "A":
        this.#at++;
        return { type: "assert", assertion: "text-start" };
      case "z":
        this.#at++;
        return { type: "assert", assertion: "text-end" };
      case "b":
        this.#at++;
        return { type: "assert", assertion: "word" };
      case "B":
        this.#at++;
        return { type: "assert", assertion: "not-word" };
      case "Q":
        this.#at++;
        return this.#quoted();
    }
    const named = this.#namedClass();
    if (named) return this.#char(this.#folded(named));
    return this.#char(this.#literal(this.#escapedCode()));
  }

  /** `\Q…\E`, where everything is literal. A repetition behind it counts for the last character only. */
  #quoted(): Tree | undefined {
    const end = this.#source.indexOf("\\E", this.#at);
    const text = this.#source.slice(this.#at, end < 0 ? undefined : end);
    const last = [...text].at(-1);
    if (last === undefined) {
      this.#at = end < 0 ? this.#source.length : end + 2;
      return undefined;
    }
    const parts = [...text].map((c): Tree => {
      this.#cost = 1;
      this.#spend(Cost.piece);
      return this.#char(this.#literal(c.codePointAt(0)!));
    });
    this.#at = end < 0 ? this.#source.length : end + 2;
    const repeat = this.#repetition();
    if (repeat) parts.push({ type: "repeat", part: parts.pop()!, ...repeat });
    return { type: "sequence", parts };
  }

  /** `\d`, `\W`, `\pL`, `\P{Greek}` and their like, at the letter; undefined when it is none of them. */
  #namedClass(): CharTest | undefined {
    const rest = this.#source.slice(this.#at);
    const perl = perlClasses[rest[0] ?? ""];
    if (perl) {
      this.#at++;
      return perl;
    }
    const property = /^([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(rest);
    if (!property) return undefined;
    this.#at += property[0].length;
    this.#spend(Cost.unicodeCompile);
    this.#cost += Cost.unicodeTest;
    const test = unicodeClass(property[3] ?? property[4]!);
    const negated = (property[1] === "P") !== (property[2] === "^");
    return negated ? (c) => !test(c) : test;
  }

  /** The code point that an escape stands for, at the character behind the backslash. */
  #escapedCode(): number {
    const rest = this.#source.slice(this.#at);
    const hex = /^x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (hex) {
      this.#at += hex[0].length;
      const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
      if (code > 0x10ffff) throw new PatternFault("escape");
      return code;
    }
    // `\1` would be a back-reference, which RE2 has not; `\12` and `\012` are octal.
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (octal) {
      this.#at += octal[0].length;
      return Number.parseInt(octal[0], 8);
    }
    const code = this.#next();
    const control = "abfnrtv".indexOf(String.fromCodePoint(code));
    if (control >= 0 && code !== 0x62) return [7, 8, 12, 10, 13, 9, 11][control]!;
    if (code < 0x80 && !isWord(code)) return code;
    throw new PatternFault("escape");
  }

  #class(): CharTest {
    const negated = this.#take("^");
    const tests: CharTest[] = [];
    const ranges: number[] = [];
    let first = true;
    for (;;) {
      if (!first && this.#take("]")) break;
      first = false;
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at));
      if (posix) {
        const test = Object.hasOwn(posixClasses, posix[2]!) ? posixClasses[posix[2]!]! : undefined;
        if (!test) throw new PatternFault("class name");
        this.#at += posix[0].length;
        this.#cost++;
        tests.push(posix[1] ? (c) => !test(c) : test);
        continue;
      }
      if (this.#source[this.#at] === "\\") {
        this.#at++;
        const named = this.#namedClass();
        if (named) {
          this.#cost++;
          tests.push(named);
          continue;
        }
        this.#at--;
      }
      const low = this.#classCode();
      let high = low;
      if (this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        high = this.#classCode();
        if (high < low) throw new PatternFault("class range");
      }
      ranges.push(low, high);
    }
    this.#cost += Math.floor(ranges.length / 2 / Cost.rangesPerStep);
    const inside = this.#folded((code) => {
      for (let i = 0; i < ranges.length; i += 2) if (code >= ranges[i]! && code <= ranges[i + 1]!) return true;
      for (const test of tests) if (test(code)) return true;
      return false;
    });
    return negated ? (code) => !inside(code) : inside;
  }

  #classCode(): number {
    const code = this.#next();
    return code === 0x5c ? this.#escapedCode() : code;
  }

  #literal(wanted: number): CharTest {
    return this.#folded((code) => code === wanted);
  }

  #folded(test: CharTest): CharTest {
    if (!this.#flags.fold) return test;
    this.#cost = 3 * this.#cost + Cost.foldedTest;
    return (code) => test(code) || test(otherCase(code, "lower")) || test(otherCase(code, "upper"));
  }

  #char(test: CharTest): Tree {
    return { type: "char", test, cost: this.#cost };
  }

  #spend(steps: number): void {
    this.#meter.left -= steps;
    if (this.#meter.left < 0) throw new PatternFault("too costly");
  }

  #take(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #next(): number {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw new PatternFault("ends too soon");
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }
}

function otherCase(code: number, wanted: "lower" | "upper"): number {
  const text = String.fromCodePoint(code);
  const other = wanted === "lower" ? text.toLowerCase() : text.toUpperCase();
  const otherCode = other.codePointAt(0)!;
  // "ß" grows to "SS": such letters have no single other form.
  return other.length === (otherCode > 0xffff ? 2 : 1) ? otherCode : code;
}

function isWord(code: number): boolean {
  return isDigit(code) || isLetter(code) || code === 0x5f;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  return isUpper(code) || isLower(code);
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

function isLower(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13 && code !== 11);
}

const perlClasses: Readonly<Record<string, CharTest>> = {
  d: isDigit,
  D: (c) => !isDigit(c),
  w: isWord,
  W: (c) => !isWord(c),
  s: isSpace,
  S: (c) => !isSpace(c),
};

const posixClasses: Readonly<Record<string, CharTest>> = {
  alnum: (c) => isLetter(c) || isDigit(c),
  alpha: isLetter,
  ascii: (c) => c < 0x80,
  blank: (c) => c === 32 || c === 9,
  cntrl: (c) => c < 32 || c === 127,
  digit: isDigit,
  graph: (c) => c > 32 && c < 127,
  lower: isLower,
  print: (c) => c >= 32 && c < 127,
  punct: (c) => c > 32 && c < 127 && !isLetter(c) && !isDigit(c),
  space: (c) => isSpace(c) || c === 11,
  upper: isUpper,
  word: isWord,
  xdigit: (c) => isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66),
};

/** A Unicode category or script, by JavaScript's tables: one character against one class cannot backtrack. */
function unicodeClass(name: string): CharTest {
  if (name === "Any") return () => true;
  for (const property of [`gc=${name}`, `sc=${name}`]) {
    try {
      const expression = new RegExp(`^\\p{${property}}$`, "u");
      return (code) => expression.test(String.fromCodePoint(code));
    } catch {
      // Not one of those; the other kind of name is tried next.
    }
  }
  throw new PatternFault("property");
}

// ---- the program

const Op = { match: 0, char: 1, assert: 2, split: 3, jump: 4 } as const;

/** Instructions in columns. `x` and `y` are targets of split and jump, or an index into `tests` or `assertions`. */
interface Program {
  readonly ops: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly tests: readonly CharTest[];
  /** Steps that each of `tests` is worth. */
  readonly costs: readonly number[];
  readonly assertions: readonly Assertion[];
}

class Writer {
  readonly #ops: number[] = [];
  readonly #x: number[] = [];
  readonly #y: number[] = [];
  readonly #tests: CharTest[] = [];
  readonly #costs: number[] = [];
  readonly #meter: StepMeter;
  readonly #assertions: Assertion[] = [];
  #work = 0;

  constructor(meter: StepMeter) {
    this.#meter = meter;
  }

  write(tree: Tree): Program {
    this.#emit(tree);
    this.#add(Op.match, 0, 0);
    return {
      ops: this.#ops,
      x: this.#x,
      y: this.#y,
      tests: this.#tests,
      costs: this.#costs,
      assertions: this.#assertions,
    };
  }

  #emit(tree: Tree): void {
    if (++this.#work > maxWork || (this.#meter.left -= Cost.emit) < 0) throw new PatternFault("too large");
    switch (tree.type) {
      case "char":
        this.#add(Op.char, this.#tests.push(tree.test) - 1, 0);
        this.#costs.push(tree.cost);
        return;
      case "assert":
        this.#add(Op.assert, this.#assertions.push(tree.assertion) - 1, 0);
        return;
      case "sequence":
        for (const part of tree.parts) this.#emit(part);
        return;
      case "choice":
        this.#emitChoice(tree.parts);
        return;
      case "repeat":
        this.#emitRepeat(tree.part, tree.min, tree.max);
        return;
    }
  }

  #emitChoice(parts: readonly Tree[]): void {
    const exits: number[] = [];
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1) this.#emit(part);
      else {
        const split = this.#add(Op.split, this.#ops.length + 1, 0);
        this.#emit(part);
        exits.push(this.#add(Op.jump, 0, 0));
        this.#y[split] = this.#ops.length;
      }
    }
    for (const exit of exits) this.#x[exit] = this.#ops.length;
  }

  #emitRepeat(part: Tree, min: number, max: number): void {
    for (let i = 0; i < min; i++) this.#emit(part);
    if (max === Number.POSITIVE_INFINITY) {
      const split = this.#add(Op.split, this.#ops.length + 1, 0);
      this.#emit(part);
      this.#add(Op.jump, split, 0);
      this.#y[split] = this.#ops.length;
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i++) {
      splits.push(this.#add(Op.split, this.#ops.length + 1, 0));
      this.#emit(part);
    }
    for (const split of splits) this.#y[split] = this.#ops.length;
  }

  #add(op: number, x: number, y: number): number {
    if (this.#ops.length >= maxProgram) throw new PatternFault("too large");
    this.#x.push(x);
    this.#y.push(y);
    return this.#ops.push(op) - 1;
  }
}

// ---- running it

/** Holds every place the program can be in after each code point; `seen` keeps each place from being entered twice. */
function run(program: Program, text: string, meter: StepMeter): boolean {
  const { ops, x, y, tests, costs, assertions } = program;
  // Making room for the places costs something however short the text is.
  if ((meter.left -= 16 + (ops.length >> 2)) < 0) return false;
  const seen = new Int32Array(ops.length).fill(-1);
  const stack: number[] = [];
  let places: number[] = [];
  let at = 0;
  let before = -1;
  for (let step = 0; ; step++) {
    const code = text.codePointAt(at) ?? -1;
    // Not anchored: a match may begin here as well.
    places.push(0);
    const waiting: number[] = [];
    if ((meter.left -= places.length) < 0) return false;
    for (const place of places) {
      stack.push(place);
      while (stack.length > 0) {
        const i = stack.pop()!;
        if (seen[i] === step) continue;
        seen[i] = step;
        meter.left--;
        switch (ops[i]) {
          case Op.match:
            return true;
          case Op.char:
            waiting.push(i);
            break;
          case Op.assert:
            if (holds(assertions[x[i]!]!, before, code)) stack.push(i + 1);
            break;
          case Op.split:
            stack.push(y[i]!, x[i]!);
            break;
          default:
            stack.push(x[i]!);
        }
      }
    }
    if (code < 0) return false;
    places = [];
    for (const i of waiting) {
      if ((meter.left -= costs[x[i]!]!) < 0) return false;
      if (tests[x[i]!]!(code)) places.push(i + 1);
    }
    before = code;
    at += code > 0xffff ? 2 : 1;
  }
}

/** `before` and `after` are the code points around the place, -1 at an end of the text. */
function holds(assertion: Assertion, before: number, after: number): boolean {
  switch (assertion) {
    case "text-start":
      return before < 0;
    case "text-end":
      return after < 0;
    case "line-start":
      return before < 0 || before === 10;
    case "line-end":
      return after < 0 || after === 10;
    case "word":
      return isWord(before) !== isWord(after);
    case "not-word":
      return isWord(before) === isWord(after);
  }
}
