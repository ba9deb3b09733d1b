import { randomBytes } from "node:crypto";
import type { Call } from "../spec.ts";

export async function run({ io }: Call): Promise<number> {
  io.out(`${randomBytes(32).toString("base64")}\n`);
  return 0;
}
