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
  /** Loaded only when the command runs. */
  readonly load: () => Promise<{ run(call: Call): Promise<number> }>;
}

/** Where a command reads from and writes to. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Call {
  readonly command: CommandSpec;
  readonly flags: Flags;
  readonly args: readonly string[];
  readonly io: Io;
}

/** The flags that were given. Asking for a flag that the command does not have is a mistake of the program. */
export class Flags {
  readonly #texts: ReadonlyMap<string, readonly string[]>;

  constructor(texts: ReadonlyMap<string, readonly string[]>) {
    this.#texts = texts;
  }
  /** The last one given. */
  text(name: string): string | undefined {
    return this.#texts.get(name)?.at(-1);
  }
  texts(name: string): readonly string[] {
    return this.#texts.get(name) ?? [];
  }
  on(name: string): boolean {
    return this.text(name) === "true";
  }
  has(name: string): boolean {
    return this.#texts.has(name);
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
