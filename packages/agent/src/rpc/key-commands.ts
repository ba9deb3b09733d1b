/**
 * `install-key`, `use-key`, `remove-key` and `list-keys`. A body follows whatever happens; a key that is no base64 is
 * refused before anybody is asked (Serf protocol notes, section 11.3).
 */
import type { KeyResult, PoolKeys } from "@hearsay/node";
import { decodeBase64 } from "./base64.ts";
import type { Answer, Command } from "./commands.ts";
import { serfText } from "./errors.ts";
import { keyBody, NO_KEY_BODY } from "./key-messages.ts";
import { decodeText } from "./messages.ts";

export const KEY_COMMANDS: readonly (readonly [string, Command])[] = [
  ["install-key", changing("install")],
  ["use-key", changing("use")],
  ["remove-key", changing("remove")],
  [
    "list-keys",
    { hasBody: false, run: ({ host, gone }) => outcome(() => host.node.keys.list({ signal: gone }), true) },
  ],
];

function changing(change: Exclude<keyof PoolKeys, "list">): Command {
  return {
    hasBody: true,
    async run({ host, gone }, body) {
      const key = decodeBase64(decodeText(body, "Key"));
      if (typeof key === "string") return { error: key, body: NO_KEY_BODY };
      return outcome(() => host.node.keys[change](key, { signal: gone }), false);
    },
  };
}

async function outcome(run: () => Promise<KeyResult>, list: boolean): Promise<Answer> {
  try {
    const result = await run();
    return { error: result.error, body: keyBody(result, list) };
  } catch (error) {
    return { error: serfText(error), body: NO_KEY_BODY };
  }
}
