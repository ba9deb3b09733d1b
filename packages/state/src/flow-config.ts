/**
 * How a writer finds out how fast it may write (Scuttlebutt paper, section 4). Rates are writes a second of one node's own
 * map. A pool should agree on them: what two share is divided within these bounds.
 */
export interface FlowSettings {
  /** At the start. Default 10. */
  readonly startRate: number;
  /** Never slower than this, > 0: at least 0.001. Default 0.1. */
  readonly minRate: number;
  /** Never faster than this, at most 1,000,000. Default 1,000. */
  readonly maxRate: number;
  /** What is left of the rate after too many full packets in a row: 0 … 1, both excluded. Default 0.75. */
  readonly decrease: number;
  /** What is added to the rate after enough exchanges in a row that fitted: > 0. Default 0.1. */
  readonly increase: number;
  /** Exchanges in a row that did not fit, before the rate falls: at least 1. Default 2. */
  readonly fullExchanges: number;
  /** Exchanges in a row that fitted, before the rate rises: at least 1. Default 2. */
  readonly easyExchanges: number;
}

export const flowDefaults: FlowSettings = {
  startRate: 10,
  minRate: 0.1,
  maxRate: 1000,
  decrease: 0.75,
  increase: 0.1,
  fullExchanges: 2,
  easyExchanges: 2,
};

/** Rates travel and are kept as whole thousandths of a write a second: so a pair's sum is kept to the last digit. */
export const rateUnit = 1000;
/** The highest rate that is told of: writes a second. */
export const highestRate = 1_000_000;
const lowestRate = 0.001;

/** Settings with the defaults filled in. Throws RangeError with the setting's name. */
export function flowSettings(given: Partial<FlowSettings>): FlowSettings {
  const settings = { ...flowDefaults, ...given };
  const within = (name: keyof FlowSettings, low: number, high: number) => {
    const value: unknown = settings[name];
    if (typeof value !== "number" || !(value >= low && value <= high))
      throw new RangeError(`flow.${name}: ${JSON.stringify(value)} is not within ${low} … ${high}`);
  };
  within("minRate", lowestRate, highestRate);
  within("maxRate", settings.minRate, highestRate);
  within("startRate", settings.minRate, settings.maxRate);
  within("decrease", 0.01, 0.99);
  within("increase", lowestRate, highestRate);
  within("fullExchanges", 1, 1000);
  within("easyExchanges", 1, 1000);
  return settings;
}
