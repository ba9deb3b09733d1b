/** The short programs of examples/ do what they say, with the built package. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const isBuilt = existsSync(`${root}packages/hearsay/dist/index.js`);

test.skipIf(!isBuilt)("state.mjs", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}examples/state.mjs`], {
    encoding: "utf8",
    timeout: 25_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout.trimEnd().split("\n")).toEqual([
    "load of web-2, as web-1 knows it: { cpu: 0.42, jobs: 3 }",
    "the feature, as web-1 knows it: { enabled: false }",
    "visits: 42n",
    expect.stringMatching(/^load: mean (19\.9|20\.0|20\.1) of 2 members, at most 30$/),
    "after the restart: 42n { enabled: false }",
  ]);
});
