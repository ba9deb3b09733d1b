/**
 * The file that keeps an agent's tags over restarts (Serf protocol notes, section 19): a JSON object, as Serf writes it, which
 * can be exchanged with it.
 */
import { readFileSync } from "node:fs";
import { realpath, rename, rm, writeFile } from "node:fs/promises";
import { json, sorted } from "../cli/output.ts";
import { ConfigError } from "./config.ts";

/**
 * Undefined if there is no such file yet.
 * @throws ConfigError in Serf's words
 */
export function readTagsFile(path: string): Readonly<Record<string, string>> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigError(`Failed to read tags file: ${(error as Error).message}`, { cause: error });
  }
  let tags: unknown;
  try {
    tags = JSON.parse(text) ?? {};
  } catch (error) {
    throw new ConfigError(`Failed to decode tags file: ${path}: ${(error as Error).message}`, { cause: error });
  }
  const isTags = typeof tags === "object" && !Array.isArray(tags);
  if (!isTags || Object.values(tags as object).some((value) => typeof value !== "string")) {
    throw new ConfigError(`Failed to decode tags file: ${path} must hold a JSON object of strings`);
  }
  return { ...(tags as Record<string, string>) };
}

/**
 * Writes beside the file and then takes its place, so that a crash leaves one or the other whole. Where the directory allows
 * no second file, the file itself is written.
 */
export async function writeTagsFile(path: string, tags: Readonly<Record<string, string>>): Promise<void> {
  const text = json(sorted(tags)).trimEnd();
  try {
    // A link stays a link.
    const target = await realpath(path).catch(() => path);
    const beside = `${target}.tmp-${process.pid}`;
    try {
      await writeFile(beside, text, { mode: 0o600 });
      await rename(beside, target);
    } catch {
      await rm(beside, { force: true }).catch(() => {});
      await writeFile(target, text, { mode: 0o600 });
    }
  } catch (error) {
    throw new Error(`Failed to write tags file: ${(error as Error).message}`, { cause: error });
  }
}
