/**
 * Settings as an experiment reads them: of the type that it needs, or a RangeError that names the setting. And the seed of
 * each of its runs.
 */
import { Rng } from "@hearsay/core";
import type { Experiment, Setting, Settings } from "./experiment.ts";

export class SettingReader {
  readonly #settings: Settings;
  readonly #known: readonly Setting[];

  constructor(experiment: Pick<Experiment, "settings">, settings: Settings) {
    this.#known = experiment.settings;
    this.#settings = settings;
  }

  number(name: string): number {
    return this.#checked(name, this.#settings[name]);
  }

  text(name: string): string {
    const value = this.#settings[name];
    const { choices } = this.#of(name);
    if (typeof value !== "string" || (choices !== undefined && !choices.includes(value))) {
      throw new RangeError(`${name}: ${choices ? choices.join(", ") : "a text"}, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  flag(name: string): boolean {
    return this.#settings[name] === true;
  }

  /** Numbers parted by commas; each within the setting's bounds, at least one. A single number will do. */
  list(name: string): number[] {
    const value = this.#settings[name];
    const parts = typeof value === "string" ? value.split(",") : [value];
    return parts.map((part) =>
      this.#checked(name, typeof part === "string" && part.trim() !== "" ? Number(part) : part),
    );
  }

  #checked(name: string, value: unknown): number {
    const { kind, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = this.#of(name);
    const whole = kind === "integer";
    if (typeof value !== "number" || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
      throw new RangeError(`${name}: ${min} … ${max}${whole ? ", whole" : ""}, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  #of(name: string): Setting {
    const setting = this.#known.find((known) => known.name === name);
    if (setting === undefined) throw new RangeError(`${name}: no such setting`);
    return setting;
  }
}

/** The seed of one run among many: the same label gives the same run, whatever else is measured beside it. */
export function runSeed(seed: number, label: string): number {
  return new Rng(seed).fork(label).uint32();
}
