/** docs/cli.md is complete: every command, every flag of it, every key of a configuration file. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CONFIG_KEYS } from "../agent/config-keys.ts";
import { AGENT_SPEC } from "./agent-spec.ts";
import { COMMAND_SPECS } from "./commands.ts";
import { RPC_FLAGS } from "./rpc-connection.ts";

const page = readFileSync(new URL("../../../../docs/cli.md", import.meta.url), "utf8");
/** `sim` and `plan` have their own pages, and the help, for their many settings. */
const told = COMMAND_SPECS.filter(({ name }) => name !== "sim" && name !== "plan");

function section(name: string): string {
  const [, text] = new RegExp(`^## hearsay ${name}\n(.*?)(?=^## )`, "ms").exec(page) ?? [];
  return text ?? "";
}

test("commands", () => {
  expect(told.length).toBeGreaterThan(15);
  for (const { name } of COMMAND_SPECS) expect(section(name), name).not.toBe("");
});

test("flags, in their command's section", () => {
  const everybodys = new Set(RPC_FLAGS.map(({ name }) => name));
  for (const { name, flags } of told.flatMap((spec) => [spec, ...(spec.verbs ?? [])])) {
    const text = section(name.split(" ")[0]!);
    for (const flag of flags) {
      if (everybodys.has(flag.name) && name !== "agent") continue;
      expect(text, `${name} -${flag.name}`).toMatch(new RegExp(`-${flag.name}(?![\\w-])`));
    }
  }
});

test("commands of commands, in their section", () => {
  const verbs = told.flatMap((spec) => spec.verbs ?? []);
  expect(verbs.length).toBeGreaterThan(10);
  for (const { name } of verbs) expect(section(name.split(" ")[0]!), name).toContain(`hearsay ${name}`);
});

test("the agent's flags, with their keys, in one table", () => {
  const rows = section("agent")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  for (const { name, value } of AGENT_SPEC.flags) {
    const cell = new RegExp(`^\\|[^|]*\`-${name}${value === undefined ? "" : "="}`);
    expect(
      rows.some((row) => cell.test(row)),
      name,
    ).toBe(true);
  }
  for (const key of Object.keys(CONFIG_KEYS)) {
    expect(
      rows.some((row) => row.includes(`\`${key}\``)),
      key,
    ).toBe(true);
  }
});
