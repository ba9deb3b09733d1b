/** A logger's own troubles (a closed pipe, a full disk) must not end up in the middle of the machine's work. */

import type { Logger } from "./api.ts";

export function quietLogger(logger: Logger | undefined): Logger | undefined {
  if (!logger) return undefined;
  const line = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      logger[level](fields, message);
    } catch {
      // Nowhere to say so.
    }
  };
  return { trace: line("trace"), debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
