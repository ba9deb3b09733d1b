/** How aggregates are made, and what comes of them. */

export interface AggregateSettings {
  /** ms from one exchange that we start to the next, jittered by a tenth. Default 1,000. The same on all nodes. */
  readonly roundMs: number;
  /**
   * Rounds of an epoch, 10 ... 1,000: then all start anew from their values of that moment. An exchange a round divides the
   * variance by 3.3, so 50 rounds leave a millionth of 10,000 members' spread, and more. Default 50. The same on all nodes.
   */
  readonly epochRounds: number;
  /** Buckets of the sketch of quantiles, 8 ... 96; 0 for no quantiles. Default 96. */
  readonly maxBuckets: number;
  /** Numbers drawn for counting by extrema, 8 ... 64, to 1 / sqrt(n - 2) of the count. Default 32. */
  readonly extrema: number;
  /** Exchanges of ours under way at most. Default 8. */
  readonly maxPending: number;
  /** An estimate of the epoch under way is preferred to the last epoch's once its error is at most this. Default 0.01. */
  readonly readyError: number;
  /**
   * What a value can be at least and at most, where that is known: a share of 0 to 1, a temperature. Others are not taken
   * from our source nor from other members, so that one who is wrong moves the mean by its own part and no more. Default:
   * anything. The same on all nodes.
   */
  readonly least: number;
  readonly greatest: number;
}

export const aggregateDefaults: AggregateSettings = {
  roundMs: 1_000,
  epochRounds: 50,
  maxBuckets: 96,
  extrema: 32,
  maxPending: 8,
  readyError: 0.01,
  least: Number.NEGATIVE_INFINITY,
  greatest: Number.POSITIVE_INFINITY,
};

/** An aggregate's name takes 1 ... 64 bytes of UTF-8: with it the largest message stays below 1,400 bytes. */
export const maxAggregateNameBytes = 64;
/** Values of this size and above would make their squares' sum infinite. */
export const maxValue = 1e140;

/** Settings with the defaults filled in. Throws a RangeError that says which is wrong and what would be right. */
export function aggregateSettings(given: Partial<AggregateSettings> = {}): AggregateSettings {
  const settings = { ...aggregateDefaults, ...given };
  const within = (key: keyof AggregateSettings, least: number, most: number): void => {
    if (settings[key] >= least && settings[key] <= most) return;
    throw new RangeError(`aggregate: ${key} is ${settings[key]}, where ${least} to ${most} may be`);
  };
  within("roundMs", 1, 3_600_000);
  within("epochRounds", 10, 1_000);
  if (settings.maxBuckets !== 0) within("maxBuckets", 8, 96);
  within("extrema", 8, 64);
  within("maxPending", 1, 64);
  within("readyError", 0, 1);
  if (!(settings.least < settings.greatest))
    throw new RangeError(`aggregate: least is ${settings.least}, which is not below greatest, ${settings.greatest}`);
  return settings;
}

export interface AggregateEstimate {
  readonly epoch: number;
  /** ms since the epoch began, when all took their values. */
  readonly ageMs: number;
  /** Whether the epoch has run its course. */
  readonly finished: boolean;
  /** Exchanges that this node's share has been through. */
  readonly exchanges: number;
  /**
   * Members that take part: those there when the epoch began, without those that went before they had shared. 1 ... twice as
   * many as this node knows.
   */
  readonly count: number;
  readonly sum: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Of the members' values as a whole population; at least 0. */
  readonly variance: number;
  /** @param q 0 ... 1. Undefined without a sketch. Within `quantileError` of its size, besides `meanError` of its rank. */
  quantile(q: number): number | undefined;
  readonly quantileError: number;
  /**
   * How far `mean` is off, as a share of the larger of its size and the values' deviation: the widest gap to a partner in
   * the latest exchanges, and what those who went during the epoch may have moved it by. 1 says that nothing is known
   * yet, and it may be off by more.
   */
  readonly meanError: number;
  /** The same for `count` and `sum`, with the share of members that went during the epoch. */
  readonly countError: number;
  /**
   * "averaged": by leaders' shares, as exact as the averages. "extrema": no leader's share has come, so by smallest draws;
   * `countError` says how rough that is.
   */
  readonly countedBy: "averaged" | "extrema";
}
