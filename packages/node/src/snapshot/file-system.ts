/** The little of `node:fs/promises` that a snapshot writes with; tests put a failing disk in its place. */

import type { BigIntStats } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";

export interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: boolean }): Promise<void>;
  stat(path: string): Promise<BigIntStats>;
}

export const realFileSystem: FileSystem = { open, rename, rm, stat: (path) => stat(path, { bigint: true }) };
