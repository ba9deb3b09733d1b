/** From flags to the planner's inputs. */
import type { ProfileName, SwimConfig } from "@hearsay/core";
import type { PlanInputs } from "@hearsay/sim";
import { parseDuration } from "../../agent/duration.ts";
import { type Flags, UsageError } from "../spec.ts";
import { PLAN_INPUTS, PLAN_SETTINGS, type PlanFlag } from "./plan-spec.ts";

type Sim = typeof import("@hearsay/sim");

/** Throws UsageError. */
export function inputsOf(flags: Flags, sim: Sim): PlanInputs {
  const nodes = flags.text("nodes");
  if (nodes === undefined) throw new UsageError("-nodes is missing: how many members?");
  const { nodes: _, ...inputs } = valuesOf(flags, PLAN_INPUTS) as Partial<PlanInputs>;
  const config = valuesOf(flags, PLAN_SETTINGS) as Partial<SwimConfig>;
  try {
    return sim.planInputs(numberOf("nodes", nodes), { ...inputs, profile: profileOf(flags), config });
  } catch (error) {
    if (!(error instanceof sim.PlanError)) throw error;
    throw new UsageError(`${flagOf(error.setting)}: ${error.reason}`);
  }
}

/** `-gossip-nodes` for `gossipNodes`. */
export function flagOf(setting: string): string {
  const all: Readonly<Record<string, PlanFlag>> = { ...PLAN_INPUTS, ...PLAN_SETTINGS };
  return `-${all[setting]?.flag ?? setting}`;
}

export function profileOf(flags: Flags): ProfileName {
  const text = flags.text("profile") ?? "lan";
  if (text === "lan" || text === "wan" || text === "local") return text;
  throw new UsageError(`-profile is lan, wan or local, not "${text}"`);
}

/** A whole number from `min` on; undefined when the flag is not given. Throws UsageError. */
export function countOf(flags: Flags, name: string, min: number): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const value = numberOf(name, text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new UsageError(`-${name} is a whole number from ${min} on, not "${text}"`);
}

function valuesOf(flags: Flags, known: Readonly<Record<string, PlanFlag>>): Record<string, number | boolean> {
  const values: Record<string, number | boolean> = {};
  for (const [key, flag] of Object.entries(known)) {
    const text = flags.text(flag.flag);
    if (text !== undefined) values[key] = parseValue(flag, text);
  }
  return values;
}

function parseValue({ flag, kind }: PlanFlag, text: string): number | boolean {
  switch (kind) {
    case "switch":
      return text === "true";
    case "integer":
      return numberOf(flag, text);
    case "duration": {
      const ms = parseDuration(text);
      if (ms === undefined) throw new UsageError(`-${flag}: "${text}" is no duration: write 200ms, 1.5s or 5m`);
      return ms;
    }
    case "share": {
      const [, amount, percent] = /^(\d*\.?\d+)(\s*%)?$/.exec(text) ?? [];
      if (amount === undefined) throw new UsageError(`-${flag}: "${text}" is no share: write 2% or 0.02`);
      return percent === undefined ? Number(amount) : Number(amount) / 100;
    }
    case "rate": {
      const [, amount, unit] = /^(\d*\.?\d+)\/?(s|sec|min|h|day)?$/.exec(text) ?? [];
      const seconds = unit === undefined ? undefined : RATE_SECONDS[unit];
      if (amount !== undefined && Number(amount) === 0) return 0;
      if (amount === undefined || seconds === undefined) {
        throw new UsageError(`-${flag}: "${text}" is no rate: write 5/min, 2/s, 100/h or 50/day`);
      }
      return Number(amount) / seconds;
    }
    case "bytes-rate": {
      const [, amount, unit = ""] = /^(\d*\.?\d+)\s*(B|kB|MB|GB)?(?:\/s)?$/.exec(text) ?? [];
      if (amount === undefined) throw new UsageError(`-${flag}: "${text}" is no rate: write 125kB/s or 1MB/s`);
      return Number(amount) * BYTES[unit]!;
    }
  }
}

const RATE_SECONDS: Readonly<Record<string, number>> = { s: 1, sec: 1, min: 60, h: 3600, day: 86_400 };
const BYTES: Readonly<Record<string, number>> = { "": 1, B: 1, kB: 1000, MB: 1e6, GB: 1e9 };

function numberOf(flag: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`-${flag} is a whole number, not "${text}"`);
}
