/**
 * How unlikely a silence is: phi = -log10 of the chance that the next heartbeat comes later still. Phi 8 of the normal
 * model is a silence of 5.6 deviations above the mean, of the exponential model one of 18.4 means; so a threshold means
 * nothing without its model.
 *
 * The normal tail is exact to some 14 digits for any phi: below two deviations the series of erf, above them a continued
 * fraction of the tail divided by its leading factor, so that nothing underflows where the tail itself would (phi 308).
 * Sources: Hayashibara et al., The phi accrual failure detector, 2004; Abramowitz and Stegun 7.1.6 and 7.1.14.
 */

export type PhiModel = "normal" | "exponential";

/** @param z deviations above the mean, any finite number. 0.301 at 0, about z^2 / 4.6 far out; never negative. */
export function phiOfNormal(z: number): number {
  const x = z / Math.SQRT2;
  // Close to 1 the tail's logarithm is the small number that log1p keeps.
  if (x < 0) return -Math.log1p(-0.5 * Math.exp(lnErfc(-x))) / Math.LN10;
  return (Math.LN2 - lnErfc(x)) / Math.LN10;
}

/** @param ratio the silence in mean intervals, at least 0. */
export function phiOfExponential(ratio: number): number {
  return ratio / Math.LN10;
}

/** The least deviations above the mean at which the normal phi reaches `phi`, to 1e-12; -Infinity for 0 and below. */
export function deviationsForPhi(phi: number): number {
  if (phi <= 0) return Number.NEGATIVE_INFINITY;
  let low = -40;
  // Phi exceeds z^2 / (2 ln 10) for z above 0.
  let high = Math.sqrt(2 * Math.LN10 * phi) + 1;
  for (let i = 0; i < 200 && high - low > 1e-12 * Math.max(1, Math.abs(high)); i++) {
    const middle = (low + high) / 2;
    if (phiOfNormal(middle) >= phi) high = middle;
    else low = middle;
  }
  return high;
}

/** ln erfc(x) for x >= 0. */
function lnErfc(x: number): number {
  if (x < 2) return Math.log1p(-erf(x));
  return -x * x + Math.log(scaledErfc(x));
}

/** erf for 0 <= x < 2, where the series has no cancellation: all its terms are positive. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** e^(x^2) erfc(x) for x >= 2: the continued fraction, from its far end. */
function scaledErfc(x: number): number {
  let tail = x;
  for (let k = 120; k >= 1; k--) tail = x + k / 2 / tail;
  return 1 / (Math.sqrt(Math.PI) * tail);
}
