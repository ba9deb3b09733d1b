/** `hearsay completion`: a script for the shell, made from the list of commands. */
import { nearest } from "../argv.ts";
import { COMMAND_SPECS } from "../commands.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { completionModel } from "../completion/model.ts";
import { zshScript } from "../completion/zsh.ts";
import { type Call, UsageError } from "../spec.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export async function run({ args, io }: Call): Promise<number> {
  const shell = args[0]!;
  if (!isKnown(shell)) {
    const near = nearest(shell, Object.keys(SCRIPTS));
    throw new UsageError(
      `"${shell}" is neither bash, zsh nor fish${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
  io.out(SCRIPTS[shell](completionModel(COMMAND_SPECS)));
  return 0;
}

function isKnown(shell: string): shell is keyof typeof SCRIPTS {
  return Object.hasOwn(SCRIPTS, shell);
}
