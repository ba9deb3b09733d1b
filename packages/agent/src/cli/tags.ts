/** `-tag key=value` and `-set key=value`, wherever they are given. */
import { UsageError } from "./spec.ts";

/** Throws UsageError for a text without `=` or without a key. The value may hold more of them. */
export function parseTags(texts: readonly string[], flag = "tag"): Record<string, string> {
  const pairs = texts.map((text): readonly [string, string] => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`Invalid tag: '${text}'; write -${flag} KEY=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
