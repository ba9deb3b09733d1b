import { SERF_PROTOCOL, SERF_PROTOCOL_MIN, VERSION } from "../../version.ts";
import type { Call } from "../spec.ts";

export async function run({ io }: Call): Promise<number> {
  io.out(`Hearsay v${VERSION}\nAgent Protocol: ${SERF_PROTOCOL} (Understands back to: ${SERF_PROTOCOL_MIN})\n`);
  return 0;
}
