/** docs/library.md is complete: every option, setting, event and error code stands in it. */

import { readFileSync } from "node:fs";
import { lanConfig, localConfig, wanConfig } from "@hearsay/core";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../../docs/library.md", import.meta.url), "utf8");
const source = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

test("options", () => {
  const options = source("./api.ts").matchAll(/export interface (?:Pool|Node|Memberlist)Options[^{]*\{(.*?)\n\}/gs);
  const names = [...options].flatMap(([, body]) =>
    [...body!.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name!),
  );
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) expect(page, name).toMatch(new RegExp(`^\\| \`${name}\` `, "m"));
});

test("settings, with the profiles' numbers", () => {
  const plain = (value: number | boolean) =>
    value === true ? "on" : value === 24 * 3600 * 1000 ? "24 h" : String(value);
  for (const key of Object.keys(lanConfig) as (keyof typeof lanConfig)[]) {
    const row = page
      .split("\n")
      .find((line) => line.startsWith("|") && line.includes(`\`${key}\``) && line.split("|").length === 7);
    expect(row, key).toBeDefined();
    const cells = row!.split("|").map((cell) => cell.replaceAll(/(?<=\d) (?=\d{3})/g, ""));
    [lanConfig, wanConfig, localConfig].forEach((profile, i) => {
      expect(
        cells[i + 2]!.split(",").map((text) => text.trim()),
        key,
      ).toContain(plain(profile[key]));
    });
  }
});

test("events", () => {
  const body = /export interface NodeEventMap \{(.*?)\n\}/s.exec(source("./api.ts"))![1]!;
  const names = [...body.matchAll(/^ {2}"?([\w-]+)"?: \[/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(12);
  for (const name of names) expect(page, name).toMatch(new RegExp(`^\\| \`${name}\` `, "m"));
});

test("error codes", () => {
  const body = /export type NodeErrorCode =(.*?);/s.exec(source("./errors.ts"))![1]!;
  const codes = [...body.matchAll(/"(\w+)"/g)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(12);
  for (const code of codes) expect(page, code).toMatch(new RegExp(`^\\| \`${code}\` `, "m"));
});
