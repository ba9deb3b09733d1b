/** Whose keys a command is about: `-shared`, `-member`, `-prefix`. */
import type { StateChoice } from "../../../rpc/client.ts";
import { type Flags, UsageError } from "../../spec.ts";

/** Throws UsageError. */
export function readPlace(flags: Flags): StateChoice {
  const shared = flags.on("shared");
  const member = flags.text("member");
  const prefix = flags.text("prefix");
  if (shared && member !== undefined) throw new UsageError("-shared keys belong to no member: leave -member out");
  if (member === "") throw new UsageError("-member is empty: which one?");
  return { shared, ...(member === undefined ? {} : { member }), ...(prefix === undefined ? {} : { prefix }) };
}
