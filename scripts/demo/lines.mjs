// @ts-check
/** The story as lines, for pipes and logs. */
import { happeningWord, leadsTo } from "./words.mjs";

/** @typedef {import("./cluster.mjs").Cluster} Cluster */

export class View {
  #started = Date.now();

  /** @param {Cluster} cluster */
  constructor(cluster) {
    cluster.onHappening(({ viewer, member, type }) => {
      const word = happeningWord[type] ?? type;
      this.#line(`    ${viewer.padEnd(6)} ${member} ${word}${leadsTo[type] ? ` (now ${leadsTo[type]})` : ""}`);
    });
  }

  /** @param {string} text */
  say(text) {
    this.#line(text);
  }

  /** @param {number} number */
  round(number) {
    this.#line(`round ${number}`);
  }

  /** @param {string} command
   *  @param {readonly string[]} lines */
  why(command, lines) {
    this.#line(`    $ ${command}`);
    for (const line of lines) this.#line(`    ${line}`);
  }

  forget() {}
  close() {}
  end() {}

  /** @param {string} text */
  #line(text) {
    const at = ((Date.now() - this.#started) / 1000).toFixed(1).padStart(6);
    console.log(`${at} s  ${text}`.trimEnd());
  }
}
