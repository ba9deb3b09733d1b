/**
 * Whether a share can be, where the values' bounds are known. A mean of values lies between them; while several answers are
 * under way it may for a while lie beyond, by less than their distance. What is refused changes nothing.
 */
import type { AggregateSettings } from "./aggregate-config.ts";
import type { ShareMessage } from "./aggregate-share.ts";

type Bounds = Pick<AggregateSettings, "least" | "greatest">;

/** Of what is asked with. */
export function isPlausible({ first, second, min, max }: ShareMessage, { least, greatest }: Bounds): boolean {
  const spread = greatest - least;
  // Where one side is open there is no distance: infinite bounds let everything pass.
  return (
    min >= least &&
    max <= greatest &&
    first >= least - spread &&
    first <= greatest + spread &&
    Math.abs(second) <= 4 * Math.max(least ** 2, greatest ** 2)
  );
}

/** Of an answer: what the asker lacks to the mean of the two, each of whom is plausible. */
export function isPlausibleLack({ first, second, min, max }: ShareMessage, { least, greatest }: Bounds): boolean {
  return (
    min >= least &&
    max <= greatest &&
    Math.abs(first) <= 1.5 * (greatest - least) &&
    Math.abs(second) <= 4 * Math.max(least ** 2, greatest ** 2)
  );
}
