// @ts-check
/**
 * docs/experiments.md against the commands that it names: one seed, one history, so every table and picture in it has to
 * come out again, byte for byte.
 *
 *   node scripts/experiments.mjs                       says which no longer do, and how
 *   node scripts/experiments.mjs --write               puts today's in their place; the prose around them is for a person
 *   node scripts/experiments.mjs --only churn          the commands with this word in them
 *   node scripts/experiments.mjs --list                the commands; all of them together take about half an hour
 *
 * A table's fence carries its command (```text hearsay sim run churn); a picture's title carries the command and the
 * picture's name there ("hearsay sim run spread --nodes 1000: growth").
 *
 * Exit codes: 0 all as it stands there (or written); 1 something differs; 64 wrong arguments.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMain, root, run, runMain } from "./bootstrap.mjs";
import { build } from "./build.mjs";

/** @typedef {{ command: string, text: string }} Table */
/** @typedef {{ command: string, file: string, source: string }} Picture */

const page = join(root, "docs/experiments.md");
const fence = /^```text (hearsay [^\n]*)\n([\s\S]*?)^```$/gm;
const image = /^!\[[^\]]*\]\((pictures\/[^ )]+)(?: "(hearsay [^"]*): ([a-z-]+)")?\)$/gm;

async function main() {
  const { write, only, list } = options();
  const before = readFileSync(page, "utf8");
  const commands = [...new Set([...tables(before), ...pictures(before)].map(({ command }) => command))];
  const chosen = commands.filter((command) => command.includes(only));
  if (list) {
    for (const command of chosen) console.log(command);
    return 0;
  }
  if (chosen.length === 0) return usage(`--only ${only}: in none of the commands (--list shows them)`);
  await build();
  let differences = 0;
  for (const command of chosen) differences += await check(command, write);
  console.log(`${chosen.length} commands, ${differences} differences${write ? ", written" : ""}`);
  return differences > 0 && !write ? 1 : 0;
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        write: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        only: { type: "string", default: "" },
      },
    });
    return values;
  } catch (error) {
    process.exit(usage(error instanceof Error ? error.message : String(error)));
  }
}

/** @param {string} what */
function usage(what) {
  console.error(`experiments: ${what}\nusage: node scripts/experiments.mjs [--write] [--only WORD] [--list]`);
  return 64;
}

/** What the page shows of which command. @param {string} text @returns {Table[]} */
export function tables(text) {
  return [...text.matchAll(fence)].map(([, command = "", body = ""]) => ({ command, text: body }));
}

/** @param {string} text @returns {Picture[]} */
export function pictures(text) {
  return [...text.matchAll(image)].map(([line, file = "", command, source]) => {
    if (command === undefined || source === undefined) throw new Error(`${page}: without a command: ${line}`);
    return { command, file, source };
  });
}

/** Runs one command; how much of what the page has from it came out otherwise. @param {string} command @param {boolean} write */
async function check(command, write) {
  const started = Date.now();
  const dir = mkdtempSync(join(tmpdir(), "hearsay-experiment-"));
  try {
    const args = command.split(" ").slice(1);
    const isSimulation = args[0] === "sim";
    const bin = join(root, "packages/hearsay/bin/hearsay.mjs");
    /** @type {import("node:child_process").StdioOptions} */
    const stdio = ["ignore", "pipe", "ignore"];
    const { code, output } = await run(process.execPath, [bin, ...args, ...(isSimulation ? ["--out", dir] : [])], {
      stdio,
    });
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    console.log(`${command}  (${seconds} s)`);
    if (code !== 0) return differs(`ended with ${code}`);
    // What it took is said, and depends on the machine: only the tables are compared.
    const parts = output.split("\n\n").map((part) => part.trimEnd());
    let differences = checkTables(command, parts, write);
    for (const picture of pictures(readFileSync(page, "utf8"))) {
      if (picture.command === command)
        differences += checkPicture(picture, join(dir, `${args[2]}-${picture.source}.svg`), write);
    }
    return differences;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {string} command @param {string[]} parts @param {boolean} write */
function checkTables(command, parts, write) {
  let differences = 0;
  const text = readFileSync(page, "utf8").replaceAll(fence, (whole, of, body) => {
    if (of !== command) return whole;
    const now = body
      .trimEnd()
      .split("\n\n")
      .map((/** @type {string} */ part) => {
        if (parts.includes(part)) return part;
        const title = firstLine(part);
        const other = parts.find((candidate) => firstLine(candidate) === title);
        differences += differs(other === undefined ? `not there: ${title}` : `other figures: ${title}`);
        for (const line of changed(part, other ?? "")) console.log(`    ${line}`);
        return other ?? part;
      });
    return `\`\`\`text ${command}\n${now.join("\n\n")}\n\`\`\``;
  });
  if (write && differences > 0) writeFileSync(page, text);
  return differences;
}

/** @param {Picture} picture @param {string} made @param {boolean} write */
function checkPicture({ file, source }, made, write) {
  const path = join(root, "docs", file);
  const now = readFileSync(made, "utf8");
  if (readFileSync(path, "utf8") === now) return 0;
  if (write) writeFileSync(path, now);
  return differs(`another picture: ${source} (docs/${file})`);
}

/** @param {string} what */
function differs(what) {
  console.log(`  ${what}`);
  return 1;
}

/** @param {string} text */
function firstLine(text) {
  return text.split("\n", 1)[0];
}

/** The lines that only one of them has. @param {string} was @param {string} is */
function changed(was, is) {
  const [before, after] = [was.split("\n"), is.split("\n")];
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
  ];
}

if (isMain(import.meta.url)) await runMain(main);
