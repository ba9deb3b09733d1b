/**
 * The scenarios of examples/, each with the transcript beside it. After a change that is meant to change them:
 * `HEARSAY_REWRITE=1 npx vitest run --project unit packages/sim/src/scenario/examples`; the difference is the review.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseScenario } from "./parse.ts";
import { ScenarioResult } from "./result.ts";
import { runScenario } from "./run.ts";

const folder = fileURLToPath(new URL("../../../../examples/scenarios/", import.meta.url));
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".txt") ? [file.slice(0, -4)] : []));

test("there are some, and no transcript without its scenario", () => {
  expect(names.length).toBeGreaterThanOrEqual(5);
  const orphans = readdirSync(folder).filter((file) => !names.some((name) => file.startsWith(`${name}.`)));
  expect(orphans).toEqual([]);
});

test.each(names)("%s", (name) => {
  const scenario = parseScenario(readFileSync(`${folder}${name}.txt`, "utf8"), `${name}.txt`);
  const result = new ScenarioResult(scenario, name);
  for (const { share } of runScenario(result)) {
    if (!(share >= 0 && share <= 1)) throw new Error(`share ${share}`);
  }
  expect(result.failures).toEqual([]);
  const golden = `${folder}${name}.transcript`;
  if (process.env.HEARSAY_REWRITE === "1") writeFileSync(golden, result.text());
  expect(result.text()).toBe(readFileSync(golden, "utf8"));
});
