/** An experiment's settings as flags: how they are named, explained, read and checked. */
import type { Setting, Settings } from "@hearsay/sim";
import { type FlagSpec, type Flags, UsageError } from "../../spec.ts";

/** `fanOut` is -fan-out; a time drops its unit, which its value has: `warmUpMs` is -warm-up=10s. */
export function flagName({ name, kind }: Pick<Setting, "name" | "kind">): string {
  return kebab(kind === "duration" ? name.replace(/Ms$/, "") : name);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const valueWords: Readonly<Record<Setting["kind"], string | undefined>> = {
  integer: "N",
  number: "NUMBER",
  share: "SHARE",
  duration: "TIME",
  text: "WORD",
  flag: undefined,
  list: "N,N...",
};

/** For help. */
export function settingFlags(settings: readonly Setting[]): FlagSpec[] {
  return settings.map((setting) => {
    const value = valueWords[setting.kind];
    const help = `${setting.help.replace(/\.?$/, ".")} Default ${shown(setting)}${bounds(setting)}.`;
    return { name: flagName(setting), help, ...(value !== undefined && { value }) };
  });
}

/** For reading: also the setting's whole name, as reports have it. */
export function acceptedFlags(settings: readonly Setting[]): FlagSpec[] {
  const flags = settingFlags(settings);
  const whole = settings.flatMap((setting, i) => {
    const name = kebab(setting.name);
    return name === flags[i]!.name ? [] : [{ ...flags[i]!, name }];
  });
  return [...flags, ...whole];
}

/** Defaults, and what was given instead. Throws UsageError. */
export function readSettings(settings: readonly Setting[], flags: Flags): Settings {
  return Object.fromEntries(
    settings.map((setting) => {
      const name = flagName(setting);
      const text = flags.inOrder([name, kebab(setting.name)]).at(-1);
      return [setting.name, text === undefined ? setting.default : readSetting(setting, name, text)];
    }),
  );
}

function readSetting(setting: Setting, name: string, text: string): string | number | boolean {
  switch (setting.kind) {
    case "flag":
      return text === "true";
    case "text":
      if (setting.choices === undefined || setting.choices.includes(text)) return text;
      throw new UsageError(`-${name}: ${list(setting.choices)}, not "${text}"`);
    case "list":
      return text
        .split(",")
        .map((part) => within(setting, name, readItem(setting, part.trim()), part.trim(), listWords(setting)))
        .join(",");
    case "integer":
      return within(setting, name, /^[+-]?\d+$/.test(text) ? Number(text) : undefined, text, "a whole number");
    case "number":
      return within(setting, name, readNumber(text), text, "a number");
    case "share":
      return within({ min: 0, max: 1, ...setting }, name, readShare(text), text, "a share such as 5% or 0.05");
    case "duration":
      return within({ min: 0, ...setting }, name, readDuration(text), text, "a time such as 500ms, 10s or 2m");
  }
}

function readItem({ whole }: Setting, text: string): number | undefined {
  const value = readNumber(text);
  return whole === true && !Number.isInteger(value) ? undefined : value;
}

function listWords({ whole }: Setting): string {
  return `${whole === true ? "whole numbers" : "numbers"} with commas between`;
}

type Bounds = Pick<Setting, "kind"> & { readonly min?: number | undefined; readonly max?: number | undefined };

function within(setting: Bounds, name: string, value: number | undefined, text: string, what: string): number {
  if (value === undefined) throw new UsageError(`-${name}: ${what} expected, not "${text}"`);
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, kind } = setting;
  if (value >= min && value <= max) return value;
  throw new UsageError(`-${name}: ${range(kind, min, max)}, not ${text}`);
}

function readNumber(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function readShare(text: string): number | undefined {
  // Through the decimal text: 7 / 100 is not 0.07 for every such number.
  return text.endsWith("%") ? readNumber(`${text.slice(0, -1)}e-2`) : readNumber(text);
}

/** ms; a number alone is ms. */
function readDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * { "": 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit!]!;
}

function shown(setting: Setting): string {
  const { default: value, kind } = setting;
  if (value === null || value === "") return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? shownNumber(kind, value) : value;
}

function shownNumber(kind: Setting["kind"], value: number): string {
  if (kind === "share") return `${Number((100 * value).toPrecision(12))}%`;
  if (kind !== "duration") return String(value);
  if (value >= 1000) return `${value / 1000}s`;
  return `${value}ms`;
}

function bounds({ kind, min, max, choices }: Setting): string {
  if (choices !== undefined) return `; ${list(choices)}`;
  const isBounded = min !== undefined || max !== undefined;
  return isBounded ? `; ${range(kind, min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY)}` : "";
}

function range(kind: Setting["kind"], min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return `at least ${shownNumber(kind, min)}`;
  if (min === Number.NEGATIVE_INFINITY) return `at most ${shownNumber(kind, max)}`;
  return `${shownNumber(kind, min)} to ${shownNumber(kind, max)}`;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
