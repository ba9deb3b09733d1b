/** docs/scenarios.md is complete: every command in its shape, every condition, every setting with its value, every example. */
import { readdirSync, readFileSync } from "node:fs";
import { lanConfig } from "@hearsay/core";
import { expect, test } from "vitest";
import { conditionUsage } from "./forms-checks.ts";
import { forms } from "./parse.ts";
import { configNames, configUsage, nodesUsage } from "./settings.ts";
import { parseDuration } from "./syntax.ts";

const page = readFileSync(new URL("../../../../docs/scenarios.md", import.meta.url), "utf8").replaceAll("\\|", "|");

test("commands, in the words of their errors", () => {
  for (const usage of [nodesUsage, configUsage]) expect(page).toContain(`| \`${usage}\` | `);
  for (const { usage, about } of forms) expect(page).toContain(`| \`${usage}\` | ${about} |`);
  for (const condition of conditionUsage.split(" | ")) expect(page).toContain(`| \`${condition}\` | `);
});

test("settings, with the LAN profile's values", () => {
  const values = Object.values(lanConfig);
  for (const [i, name] of configNames.entries()) {
    const [, shown] = new RegExp(`^\\| \`${name}\` \\| (\\S+) \\|$`, "m").exec(page) ?? [];
    const value = values[i]!;
    const read =
      typeof value === "boolean"
        ? shown === "on"
        : (parseDuration(shown ?? "") ?? Number(shown?.replace("%", "")) / (shown?.endsWith("%") ? 100 : 1));
    expect(read, name).toBe(value);
  }
});

test("examples", () => {
  const files = readdirSync(new URL("../../../../examples/scenarios/", import.meta.url));
  for (const file of files.filter((name) => name.endsWith(".txt")))
    expect(page).toContain(`(../examples/scenarios/${file})`);
});

test("the transcript shown is the example's", () => {
  const [, shown] = /rack-uplink\.txt\n(.*?)\n\.\.\.\n```/s.exec(page)!;
  const transcript = readFileSync(
    new URL("../../../../examples/scenarios/rack-uplink.transcript", import.meta.url),
    "utf8",
  );
  expect(transcript.startsWith(`${shown}\n`)).toBe(true);
});
