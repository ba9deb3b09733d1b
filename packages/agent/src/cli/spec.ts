/** What the command line knows of each command before it runs: enough to parse, to help, and to find its code. */

export interface FlagSpec {
  readonly name: string;
  /** Shown in help for the value; a flag without one is a switch. */
  readonly value?: string;
  /** May be given more than once; all are kept in order. */
  readonly repeatable?: boolean;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  /** Positional arguments as help shows them: `NODE`, `ADDRESS...`. */
  readonly args?: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs for the command's own help. */
  readonly about: string;
  readonly flags: readonly FlagSpec[];
  /**
   * The first argument ends the flags, as in Serf for every command. For those whose arguments are data: a script hands on
   * what it was given, and no payload may be taken for a flag.
   */
  readonly flagsFirst?: boolean;
  /** What the first argument can be, where that is a choice: for completion. */
  readonly choices?: readonly string[];
  /** Several commands under one name: the next word says which. Flags and arguments are theirs; so are names, `state get`. */
  readonly verbs?: readonly CommandSpec[];
  /** It has commands of its own: all words behind its name, flags and `-h` too, come as `args`. */
  readonly ownWords?: boolean;
  /** Loaded only when the command runs. */
  readonly load: () => Promise<{ run(call: Call): Promise<number> }>;
}

/** Where a command reads from and writes to. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Like `out`, for what need not be text. Without it, bytes are written as UTF-8. */
  outBytes?(bytes: Uint8Array): void;
  /** How much that went to `out` nobody has read yet: bytes. Without it, nothing is known to wait. */
  outUnread?(): number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal that `out` goes to; undefined when it goes elsewhere. */
  readonly columns?: number | undefined;
  /** Width of the terminal that `err` goes to; undefined when it goes elsewhere. */
  readonly errColumns?: number | undefined;
  /** The command line is the whole program: its words are `process.argv`, its streams the process's. */
  readonly ownsProcess?: boolean;
}

export interface Call {
  readonly command: CommandSpec;
  readonly flags: Flags;
  readonly args: readonly string[];
  readonly io: Io;
}

/** The flags that were given, in their order. A switch has the text "true" or "false". */
export class Flags {
  readonly #given: readonly (readonly [name: string, value: string])[];

  constructor(given: readonly (readonly [name: string, value: string])[]) {
    this.#given = given;
  }
  /** The last one given. */
  text(name: string): string | undefined {
    return this.texts(name).at(-1);
  }
  texts(name: string): readonly string[] {
    return this.inOrder([name]);
  }
  /** The values of several flags as they were typed. */
  inOrder(names: readonly string[]): readonly string[] {
    return this.#given.filter(([name]) => names.includes(name)).map(([, value]) => value);
  }
  on(name: string): boolean {
    return this.text(name) === "true";
  }
}

/** What was typed is wrong: one line, exit code 1. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked for did not work: one line, exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
