/**
 * Whom a query is for: its filters, each a type byte and a MessagePack value; all must pass (serf protocol notes,
 * section 9.2). Anything broken or unknown does not pass, as with Serf.
 */
import { Reader } from "@hearsay/wire";
import { maxPatternLength, Pattern, type StepMeter } from "./pattern.ts";
import type { Tags } from "./tags.ts";
import { TokenBucket } from "./token-bucket.ts";

export const FilterType = { node: 0, tag: 1 } as const;

/** Serf's agents send one of names and one for each tag asked about. More than any gossiped query can hold. */
const maxFilters = 100;

/**
 * Pattern steps for all queries together, a second and at once: a few hundredths of one core at the most. A tag filter
 * that means well takes some hundreds.
 */
const stepsPerSecond = 500_000;
const stepsAtOnce = 1_000_000;

/** Compiled patterns kept, the broken included: a pool asks the same few over and over. */
const maxKept = 64;

const tagFields = ["Tag", "Expr"] as const;

/** "unknown": the budget for patterns is used up. */
export type FilterVerdict = "pass" | "other" | "unknown";

export class Filters {
  readonly #budget = new TokenBucket(stepsPerSecond, stepsAtOnce);
  /** Those used last are last. */
  readonly #patterns = new Map<string, Pattern | undefined>();

  /** Whether a query with these filters is for a node of this name and these tags. */
  judge(filters: readonly Uint8Array[] | null, name: string, tags: Tags, now: number): FilterVerdict {
    if (filters === null) return "pass";
    if (filters.length > maxFilters) return "other";
    for (const filter of filters) {
      const verdict = this.#judge(filter, name, tags, now);
      if (verdict !== "pass") return verdict;
    }
    return "pass";
  }

  #judge(filter: Uint8Array, name: string, tags: Tags, now: number): FilterVerdict {
    const reader = new Reader(filter, 1);
    if (filter[0] === FilterType.node) return namesNode(reader, name) ? "pass" : "other";
    if (filter[0] === FilterType.tag) return this.#judgeTag(reader, tags, now);
    return "other";
  }

  /** The pattern may match anywhere in the value; a tag we do not have counts as empty. */
  #judgeTag(reader: Reader, tags: Tags, now: number): FilterVerdict {
    let tag = "";
    let expression = "";
    reader.struct(tagFields, (field) => {
      if (field === 0) tag = reader.text();
      else expression = reader.text();
    });
    if (!reader.ok || expression.length > maxPatternLength) return "other";
    const available = this.#budget.available(now);
    const meter: StepMeter = { left: available };
    const pattern = this.#pattern(expression, meter);
    const passes = pattern?.test(Object.hasOwn(tags, tag) ? tags[tag]! : "", meter) ?? false;
    this.#budget.spend(available - meter.left, now);
    if (passes) return "pass";
    return meter.left < 0 ? "unknown" : "other";
  }

  #pattern(source: string, meter: StepMeter): Pattern | undefined {
    const known = this.#patterns.has(source);
    const pattern = known ? this.#patterns.get(source) : Pattern.compile(source, meter);
    // That the steps ran out says nothing about the pattern.
    if (meter.left < 0) return undefined;
    if (known) this.#patterns.delete(source);
    else if (this.#patterns.size >= maxKept) {
      for (const oldest of this.#patterns.keys()) {
        this.#patterns.delete(oldest);
        break;
      }
    }
    this.#patterns.set(source, pattern);
    return pattern;
  }
}

function namesNode(reader: Reader, name: string): boolean {
  let found = false;
  const count = reader.array();
  for (let i = 0; i < count && reader.ok; i++) if (reader.textLossy() === name && reader.ok) found = true;
  return found && reader.ok;
}
