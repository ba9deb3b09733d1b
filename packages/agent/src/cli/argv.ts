/**
 * Go's way of writing flags, turned into the one way that commander reads: `-name value`, `-name=value`, `--name value`
 * and `--name=value` all become `--name=value`; a switch becomes `--name=true` or `--name=false`. Unlike Go's, flags may
 * stand behind arguments too, unless the command's arguments are somebody's data; `--` ends them.
 */
import { type FlagSpec, UsageError } from "./spec.ts";

/**
 * Throws UsageError for an unknown flag, a missing value, and a switch that is neither true nor false.
 * @param flagsFirst the first argument ends the flags, as it does in Go
 */
export function normaliseArgv(argv: readonly string[], flags: readonly FlagSpec[], flagsFirst = false): string[] {
  const options: string[] = [];
  const args: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      args.push(...argv.slice(i + 1));
      break;
    }
    if (!isFlag(word)) {
      if (flagsFirst) {
        args.push(...argv.slice(i));
        break;
      }
      args.push(word);
      continue;
    }
    const [, name, inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(word)!;
    const flag = flags.find((known) => known.name === name);
    if (flag === undefined) throw new UsageError(`unknown flag -${name}${suggestion(name!, flags)}`);
    if (flag.value === undefined) options.push(`--${name}=${switchValue(name!, inline)}`);
    else if (inline !== undefined) options.push(`--${name}=${inline}`);
    else if (++i < argv.length) options.push(`--${name}=${argv[i]}`);
    else throw new UsageError(`-${name} needs a value: -${name}=${flag.value}`);
  }
  return [...options, "--", ...args];
}

/** A dash alone is an argument, as everywhere, and so is a negative number: no flag begins with a digit. */
function isFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !/^-\.?\d/.test(word);
}

/** The words before a command's data, where flags may stand: up to the first argument, or `--`. */
export function wordsBeforeData(argv: readonly string[], flags: readonly FlagSpec[]): readonly string[] {
  let i = 0;
  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (!isFlag(word) || word === "--") break;
    const [, name, inline] = /^--?([^=]*)(=.*)?$/s.exec(word)!;
    if (inline === undefined && flags.some((flag) => flag.name === name && flag.value !== undefined)) i++;
  }
  return argv.slice(0, i);
}

function switchValue(name: string, inline: string | undefined): "true" | "false" {
  // The words that Go's flags know.
  if (inline === undefined || /^(1|t|true|T|TRUE|True)$/.test(inline)) return "true";
  if (/^(0|f|false|F|FALSE|False)$/.test(inline)) return "false";
  throw new UsageError(`-${name} is a switch: write -${name} or -${name}=false, not -${name}=${inline}`);
}

function suggestion(name: string, flags: readonly FlagSpec[]): string {
  const near = nearest(
    name,
    flags.map((flag) => flag.name),
  );
  return near === undefined ? "" : `; did you mean -${near}?`;
}

/** The word that a slip of the fingers most likely meant, if any is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const longer = words.filter((one) => word.length >= 2 && one.startsWith(word));
  if (longer.length === 1) return longer[0];
  const ranked = words.map((one) => ({ one, distance: distance(word, one) })).sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && 3 * best.distance <= word.length ? best.one : undefined;
}

/** Levenshtein's, with two neighbours in the wrong order as one slip. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), swap));
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
