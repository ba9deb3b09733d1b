/** An isolated node in processes that were started with flags of all kinds. Its worker is taken from the built package. */

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const built = new URL("../../dist/index.js", import.meta.url);
const program = `
import { createNode } from ${JSON.stringify(built.href)};
const node = await createNode({ name: "a", bind: "127.63.0.1:0", isolate: true });
console.log(node.members().length);
await node.close();
`;

const flags = ["--max-old-space-size=512", "--expose-gc", "--enable-source-maps"];
const folder = mkdtempSync(join(tmpdir(), "hearsay-flags-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(!existsSync(built)).each(["a file", "--eval"])("%s", async (kind) => {
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const args = kind === "a file" ? [...flags, file] : ["--input-type=module", ...flags, "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toBe("1\n");
});
