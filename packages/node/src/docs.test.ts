/** docs/library.md is complete: every option, setting, event and error code stands in it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lanConfig, localConfig, wanConfig } from "@hearsay/core";
import { expect, test } from "vitest";
import { createNode } from "./node.ts";

const page = readFileSync(new URL("../../../docs/library.md", import.meta.url), "utf8");
const source = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

test("options", () => {
  const types = source("./api.ts") + source("./state-api.ts");
  const options = types.matchAll(/export interface (?:Pool|Node|StateNode|Memberlist)Options[^{]*\{(.*?)\n\}/gs);
  const names = [...options].flatMap(([, body]) =>
    [...body!.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name!),
  );
  expect(names.length).toBeGreaterThan(20);
  for (const name of [...names, "stateFile"]) expect(page, name).toMatch(new RegExp(`^\\| \`${name}\` `, "m"));
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

test("the programs about replicated state run as they stand there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-docs-"));
  const node = await createNode({ name: "docs", bind: "127.61.9.1:0", profile: "local", stateFile: join(folder, "a") });
  try {
    const section = page.slice(page.indexOf("## Replicated state"), page.indexOf("## Remembering the pool"));
    const programs = [...section.matchAll(/^```js\n(.*?)^```/gms)].map(([, program]) => program!);
    expect(programs.length).toBeGreaterThanOrEqual(6);
    for (const program of programs) await run(program, { node, createNode, stateFile: join(folder, "b") });
    expect(node.shared.get("feature/search")).toEqual({ enabled: false });
    expect([node.counter("jobs-done").value(), node.aggregates()]).toEqual([-2n, []]);
  } finally {
    await node.close();
    rmSync(folder, { recursive: true });
  }
});

/** Runs a program whose imports are given by name. */
async function run(program: string, names: Record<string, unknown>): Promise<void> {
  const plain = program.replaceAll(/^import .*\n/gm, "").replaceAll(/^using /gm, "const ");
  const AsyncFunction = (async () => {}).constructor as new (
    ...texts: string[]
  ) => (...args: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(names), plain)(...Object.values(names));
}
