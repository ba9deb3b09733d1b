/**
 * Which epoch to believe in. The one that follows ours, when ours is about over, needs no witness: it would begin anyway. Any
 * other is followed when two have told of it, or one twice with a round in between: so no single packet, forged or from a
 * process gone mad, takes anybody out of the epoch that it is in. One from too far away is followed only by a node that meets
 * nobody in its own: so whoever was led astray comes back. Numbers begin again at 1 after the last.
 */

/** The last epoch's number: of ten milliseconds each, 89,000 years of them. */
export const maxEpoch = 2 ** 48;
/** How far an epoch may be from ours: a year of seconds' epochs and more. */
const maxEpochLeap = 2 ** 26;
/** How much earlier than ours ends the next epoch may begin, in rounds: clocks and packets are not exact. */
const earlyRounds = 2;
/** Claims that are remembered; the oldest is forgotten first. */
const maxClaims = 8;

/** "believed": go there. "unconfirmed": somebody else must say so too. "leap": too far away. */
export type ClaimOutcome = "believed" | "unconfirmed" | "leap";

export interface Claim {
  readonly from: string;
  readonly epoch: number;
  /** ms since the epoch began, as it says. */
  readonly ageMs: number;
}

/** Where the hearer is. */
export interface Standing {
  /** 0: in none yet. */
  readonly epoch: number;
  /** ms */
  readonly endsAt: number;
  /** Whether it has met nobody in its epoch. */
  readonly alone: boolean;
}

export function nextEpoch(epoch: number): number {
  return epoch >= maxEpoch ? 1 : epoch + 1;
}

export class EpochClaims {
  readonly #roundMs: number;
  readonly #epochMs: number;
  readonly #claims: { readonly from: string; readonly epoch: number; readonly at: number }[] = [];

  constructor(roundMs: number, epochRounds: number) {
    this.#roundMs = roundMs;
    this.#epochMs = roundMs * epochRounds;
  }

  get any(): boolean {
    return this.#claims.length > 0;
  }

  /** There is news of another epoch than ours. Undefined when it is one behind ours, which is no news. */
  hear(claim: Claim, standing: Standing, now: number): ClaimOutcome | undefined {
    const { epoch, endsAt, alone } = standing;
    if (claim.epoch === nextEpoch(epoch) && now - claim.ageMs >= endsAt - earlyRounds * this.#roundMs)
      return "believed";
    const isFar = epoch > 0 && Math.abs(claim.epoch - epoch) > maxEpochLeap;
    if (isFar && !alone) return claim.epoch > epoch ? "leap" : undefined;
    if (!isFar && claim.epoch < epoch) return undefined;
    return this.#confirm(claim, now) ? "believed" : "unconfirmed";
  }

  /** We have gone to another epoch: what was said before is done with. */
  clear(): void {
    this.#claims.length = 0;
  }

  #confirm({ from, epoch }: Claim, now: number): boolean {
    const isConfirmed = this.#claims.some((other) => {
      if (other.from === from && now - other.at < this.#roundMs) return false;
      const passed = epoch - other.epoch;
      return passed >= -1 && passed <= 1 + (now - other.at) / this.#epochMs;
    });
    if (isConfirmed) return true;
    const known = this.#claims.findIndex((other) => other.from === from && other.epoch === epoch);
    if (known >= 0) return false;
    if (this.#claims.length >= maxClaims) this.#claims.shift();
    this.#claims.push({ from, epoch, at: now });
    return false;
  }
}
