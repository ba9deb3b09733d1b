/**
 * From a scenario's text to a scenario: line by line, `#` begins a comment, the first command is `nodes`. The first thing
 * that is wrong ends it, with file and line.
 */
import { neverDone } from "./ends.ts";
import type { Form, Reading } from "./form.ts";
import { checkForms } from "./forms-checks.ts";
import { networkForms } from "./forms-network.ts";
import { nodeForms } from "./forms-nodes.ts";
import type { Command, PoolSettings, Scenario } from "./scenario.ts";
import { conflictIn, parseConfig, parseNodes } from "./settings.ts";
import { ScenarioError, suggestionText, Words } from "./syntax.ts";
import { Zones } from "./zones.ts";

/** Every command but `nodes` and `config`. */
export const forms: readonly Form[] = [...nodeForms, ...networkForms, ...checkForms];

/**
 * @param file the name that messages begin with.
 * @throws ScenarioError
 */
export function parseScenario(text: string, file: string): Scenario {
  return new Parser(file).parse(text);
}

class Parser {
  readonly #file: string;
  readonly #commands: Command[] = [];
  readonly #asides = new Map<number, string>();
  #settings: PoolSettings | undefined;
  #reading: Reading | undefined;
  #line = 0;
  #configLine = 0;

  constructor(file: string) {
    this.#file = file;
  }

  parse(text: string): Scenario {
    // Some editors begin a file with a byte order mark.
    for (const raw of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
      this.#line++;
      const line = raw.replace(/(^|\s)#.*$/, "").trim();
      if (line !== "") this.#command(line);
      else this.#asides.set(this.#line, raw.trim());
    }
    this.#checkConfig();
    if (this.#settings === undefined) throw this.#wrong('empty: a scenario begins with "nodes COUNT"');
    this.#checkWhole();
    return { file: this.#file, settings: this.#settings, commands: this.#commands, asides: this.#asides };
  }

  #command(text: string): void {
    const words = new Words(text, (what) => this.#wrong(what));
    const name = words.next("a command");
    if (name === "nodes") this.#nodes(words, text);
    else if (this.#settings === undefined) throw this.#wrong(`"nodes COUNT" comes first, before "${name}"`);
    else if (name === "config") this.#config(words, text, this.#settings);
    else {
      const form = forms.find((one) => one.name === name);
      if (form === undefined) throw this.#wrong(`unknown command "${name}"${suggestionText(name, commandNames)}`);
      this.#checkConfig();
      words.usage = form.usage;
      const reading = this.#reading!;
      reading.line = this.#line;
      const action = form.parse(words, reading);
      words.end();
      this.#commands.push({ line: this.#line, text, action });
    }
  }

  #nodes(words: Words, text: string): void {
    if (this.#settings !== undefined) throw this.#wrong("nodes is there twice");
    const settings = parseNodes(words);
    this.#settings = settings;
    this.#asides.set(this.#line, text);
    this.#reading = {
      size: settings.nodes,
      layer: settings.layer,
      there: new Set(),
      broadcasts: 0,
      cuts: [],
      zones: new Zones(),
      line: 0,
    };
  }

  #config(words: Words, text: string, settings: PoolSettings): void {
    if (this.#commands.length > 0) throw this.#wrong("config comes right behind nodes, before everything else");
    this.#settings = parseConfig(words, settings);
    this.#asides.set(this.#line, text);
    this.#configLine = this.#line;
  }

  /** Whether the settings go together is known when the last one has been read. */
  #checkConfig(): void {
    const conflict = this.#configLine > 0 && this.#settings ? conflictIn(this.#settings) : undefined;
    if (conflict !== undefined) throw this.#wrong(conflict, this.#configLine);
  }

  /** What only the end of the file tells. */
  #checkWhole(): void {
    const late = neverDone(this.#commands);
    if (late !== undefined) throw this.#wrong(late.what, late.line);
    const idle = this.#reading?.zones.idleLine;
    if (idle !== undefined) throw this.#wrong('zone means nothing without "latency zones", here or below', idle);
  }

  #wrong(what: string, line = this.#line): ScenarioError {
    return new ScenarioError(this.#file, line, what);
  }
}

const commandNames = ["nodes", "config", ...forms.map((form) => form.name)];
