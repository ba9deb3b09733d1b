/** A keyring on a disk that is full: over real files, from what was built. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { writeKeyringFile } from "./keyring-file.ts";

/** For a process of its own. */
const built = fileURLToPath(new URL("../dist/keyring-file.js", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "hearsay-keyring-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(!existsSync(built))("a disk that takes only a part of it leaves the file as it was", () => {
  const path = join(folder, "keys.json");
  writeKeyringFile(path, [new Uint8Array(32).fill(1)]);
  const before = readFileSync(path, "utf8");
  const script = `
    import { writeKeyringFile } from ${JSON.stringify(built)};
    const keys = Array.from({ length: 200 }, (_, i) => new Uint8Array(16).fill(i));
    writeKeyringFile(process.argv[1], keys);
  `;
  // A limit on the size of files is met as a full disk is: what still fits is written, and told as if it were a success.
  const limited = 'ulimit -f 1; exec "$0" --input-type=module --eval "$1" "$2"';
  const { status, stderr } = spawnSync("sh", ["-c", limited, process.execPath, script, path]);
  expect([status, String(stderr)]).toEqual([1, expect.stringContaining("EFBIG")]);
  expect(readFileSync(path, "utf8")).toBe(before);
  expect(readdirSync(folder)).toEqual(["keys.json"]);
});
