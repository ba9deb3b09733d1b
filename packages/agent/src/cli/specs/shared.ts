/** Flags that several commands have in the same sense. */
import type { FlagSpec } from "../spec.ts";

export const FORMAT: FlagSpec = { name: "format", value: "FORMAT", help: "text (the default) or json." };
