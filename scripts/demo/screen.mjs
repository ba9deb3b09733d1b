// @ts-check
/**
 * The live view: who thinks what of whom, what is going on, and what was heard, newest last. Redrawn whole a few times a
 * second on the terminal's alternate screen; the terminal is as before once `close` was called.
 *
 *    title · round · clock
 *    matrix: a row for each member, a column for each viewer
 *    what is going on, in words
 *    what was heard (and, after a death, the answer to "why")
 *    how to end
 */
import { happeningWord, leadsTo, statusLook } from "./words.mjs";

/** @typedef {import("./cluster.mjs").Cluster} Cluster */
/** @typedef {import("./cluster.mjs").Happening} Happening */
/** @typedef {import("./words.mjs").Style} Style */
/** @typedef {readonly [text: string, ...styles: Style[]]} Piece */
/** One line of the screen. @typedef {readonly Piece[]} Line */
/**
 * What was heard about the same time: by several of one member, or by one of several members.
 * @typedef {{ at: number, last: number, type: string, members: string[], viewers: string[] }} News
 */

const frameMs = 100;
const labelWidth = 16;
/** What is heard within this time of each other stands on one line: ms. */
const togetherMs = 4000;

export class View {
  #cluster;
  #started = Date.now();
  #round = 0;
  #said = "";
  /** @type {News[]} */
  #news = [];
  /** @type {{ command: string, lines: readonly string[] } | undefined} */
  #why;
  /** @type {string[]} */
  #story = [];
  #open = true;
  #timer;

  /** @param {Cluster} cluster */
  constructor(cluster) {
    this.#cluster = cluster;
    cluster.onHappening((happening) => this.#hear(happening));
    process.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J");
    this.#timer = setInterval(() => this.#draw(), frameMs);
  }

  /** @param {string} text */
  say(text) {
    this.#said = text;
    this.#story.push(`${this.#clock().padStart(7)}  ${text}`);
  }

  /** @param {number} number */
  round(number) {
    this.#round = number;
  }

  /** @param {string} command
   *  @param {readonly string[]} lines */
  why(command, lines) {
    this.#why = { command, lines };
  }

  forget() {
    this.#why = undefined;
  }

  /** Gives the terminal back. Harmless when repeated. */
  close() {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#timer);
    process.stdout.write("\x1b[?25h\x1b[?1049l");
  }

  /** Gives the terminal back and leaves the last things said on it. */
  end() {
    this.close();
    console.log(this.#story.slice(-8).join("\n"));
    console.log("The five agents have been stopped.");
  }

  /** @param {Happening} happening */
  #hear({ at, viewer, member, type }) {
    const near = this.#news.filter((news) => news.type === type && at - news.last < togetherMs);
    const ofIt = near.findLast(({ members, viewers }) => `${members}` === member && !viewers.includes(viewer));
    const byIt = near.findLast(({ members, viewers }) => `${viewers}` === viewer && !members.includes(member));
    ofIt?.viewers.push(viewer);
    if (!ofIt) byIt?.members.push(member);
    const found = ofIt ?? byIt;
    if (found) found.last = at;
    else this.#news.push({ at, last: at, type, members: [member], viewers: [viewer] });
    if (this.#news.length > 200) this.#news.shift();
  }

  #draw() {
    const width = Math.max(40, process.stdout.columns ?? 80);
    const height = Math.max(16, process.stdout.rows ?? 24);
    const top = [this.#title(width), [], ...this.#matrix(width), [], ...this.#caption(width), []];
    const room = height - top.length - 1;
    const body = this.#body(room, width);
    const blank = Array.from({ length: Math.max(0, room - body.length) }, () => []);
    const lines = [...top, ...body, ...blank, this.#foot()].slice(0, height);
    process.stdout.write(`\x1b[H${lines.map((line) => `${paint(line, width)}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  /** @param {number} width
   *  @returns {Line} */
  #title(width) {
    const right = `${this.#round > 0 ? `round ${this.#round}   ` : ""}${this.#clock()} `;
    const title = "Hearsay";
    const rest = "  five agents, five opinions";
    const gap = " ".repeat(Math.max(1, width - title.length - rest.length - right.length - 1));
    return [[" "], [title, "bold"], [rest], [gap], [right, "grey"]];
  }

  /** @param {number} width
   *  @returns {Line[]} */
  #matrix(width) {
    const { agents } = this.#cluster;
    const cell = Math.max(10, Math.min(16, Math.floor((width - labelWidth - 1) / agents.length)));
    /** @type {Line} */
    const heads = [
      [" member, seen by".padEnd(labelWidth + 1), "grey"],
      ...agents.map(({ name, running }) => /** @type {Piece} */ ([name.padEnd(cell), running ? "bold" : "grey"])),
    ];
    const rows = agents.map((member) => {
      /** @type {Line} */
      const label = [
        [` ${member.name.padEnd(7)}`, "bold"],
        [(member.running ? `:${member.gossipPort}` : "killed").padEnd(labelWidth - 7), member.running ? "grey" : "red"],
      ];
      return [...label, ...agents.map((viewer) => opinion(viewer, member, cell))];
    });
    return [heads, ...rows];
  }

  /** Two lines, so that nothing below moves.
   *  @param {number} width
   *  @returns {Line[]} */
  #caption(width) {
    const lines = wrap(this.#said, width - 4).slice(0, 2);
    while (lines.length < 2) lines.push("");
    return lines.map((line, i) => [
      [i === 0 ? " ▌ " : line ? " ▌ " : "   ", "blue"],
      [line, "bold"],
    ]);
  }

  /** What was heard; after a death the answer to "why" takes most of the room.
   *  @param {number} room
   *  @param {number} width
   *  @returns {Line[]} */
  #body(room, width) {
    if (!this.#why) return [rule("what was heard", width), ...this.#heard(room - 1)];
    const tight = room < 14;
    const why = explanation(this.#why.lines, room - (tight ? 4 : 7), width - 2);
    const gap = tight ? [] : [[]];
    const heard = this.#heard(room - why.length - 2 - gap.length);
    return [
      rule("what was heard", width),
      ...heard,
      ...gap,
      rule(`$ ${this.#why.command}`, width),
      ...why.map((line) => /** @type {Line} */ ([[` ${line}`]])),
    ];
  }

  /** The newest, oldest of them first.
   *  @param {number} count
   *  @returns {Line[]} */
  #heard(count) {
    if (count <= 0) return [];
    return this.#news.slice(-count).map(({ at, type, members, viewers }) => {
      const [sign, style] = statusLook[leadsTo[type] ?? "none"] ?? ["·", "grey"];
      const word = happeningWord[type] ?? type;
      return [
        [` ${((at - this.#started) / 1000).toFixed(1).padStart(6)} s  `, "grey"],
        [`${sign} ${members.join(", ")} ${word}`.padEnd(22), style],
        [`  ${viewers.length > 1 ? "say" : "says"} `, "grey"],
        [viewers.join(", ")],
      ];
    });
  }

  /** @returns {Line} */
  #foot() {
    const asked = this.#cluster.agents.find(({ running }) => running);
    const hint = asked ? `try it: npx hearsay members -rpc-addr=127.0.0.1:${asked.rpcPort}` : "";
    return [[` Ctrl-C ends it   ${hint}`, "grey"]];
  }

  #clock() {
    const seconds = Math.floor((Date.now() - this.#started) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

/** One cell of the matrix.
 *  @param {import("./cluster.mjs").Agent} viewer
 *  @param {import("./cluster.mjs").Agent} member
 *  @param {number} width
 *  @returns {Piece} */
function opinion(viewer, member, width) {
  if (!viewer.running) return ["·".padEnd(width), "grey"];
  const status = viewer.opinion(member.name);
  const [sign, style] = statusLook[status] ?? ["?", "grey"];
  const word = status === "none" ? "" : status;
  return [`${sign} ${word}`.padEnd(width), style];
}

/** The head of the explanation (who, and a summary), and as much of the end of the evidence as there is room for.
 *  @param {readonly string[]} lines
 *  @param {number} room
 *  @param {number} width */
function explanation(lines, room, width) {
  const gap = lines.indexOf("");
  const head = lines.slice(0, gap < 0 ? lines.length : gap).flatMap((line) => wrap(line, width));
  const evidence = lines.slice(gap < 0 ? lines.length : gap + 1).filter((line) => line.startsWith("  "));
  const space = room - head.length;
  if (space < 2) return head.slice(0, room);
  return evidence.length <= space ? [...head, ...evidence] : [...head, "  …", ...evidence.slice(1 - space)];
}

/** A heading with a line to the right edge.
 *  @param {string} text
 *  @param {number} width
 *  @returns {Line} */
function rule(text, width) {
  return [[`── ${text} ${"─".repeat(Math.max(0, width - text.length - 4))}`, "grey"]];
}

/** @param {string} text
 *  @param {number} width
 *  @returns {string[]} */
function wrap(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1] ?? "";
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const codes = { green: "32", yellow: "33", red: "31", blue: "36", grey: "90", bold: "1", plain: "0" };
const colour = !process.env.NO_COLOR;

/** Cut to the terminal's width; every sign used is one cell wide.
 *  @param {Line} line
 *  @param {number} width */
function paint(line, width) {
  let room = width;
  let out = "";
  for (const [text, ...styles] of line) {
    const cut = [...text].slice(0, room);
    room -= cut.length;
    const on = colour ? styles.map((style) => `\x1b[${codes[style]}m`).join("") : "";
    out += on ? `${on}${cut.join("")}\x1b[0m` : cut.join("");
  }
  return out;
}
