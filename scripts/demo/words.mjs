// @ts-check
/** How statuses and happenings are shown: a sign, a word, a colour. */

/** @typedef {"green" | "yellow" | "red" | "blue" | "grey" | "bold" | "plain"} Style */

/** @type {Readonly<Record<string, readonly [sign: string, style: Style]>>} */
export const statusLook = {
  alive: ["●", "green"],
  suspect: ["◐", "yellow"],
  failed: ["✕", "red"],
  leaving: ["◌", "blue"],
  left: ["○", "blue"],
  none: ["·", "grey"],
};

/** Which status a happening leads to.
 *  @type {Readonly<Record<string, string>>} */
export const leadsTo = {
  "member-join": "alive",
  "member-suspect": "suspect",
  "member-refuted": "alive",
  "member-failed": "failed",
  "member-leave": "left",
};

/** @type {Readonly<Record<string, string>>} */
export const happeningWord = {
  "member-join": "joined",
  "member-suspect": "suspected",
  "member-refuted": "contradicted",
  "member-failed": "failed",
  "member-leave": "left",
  "member-update": "changed",
};
