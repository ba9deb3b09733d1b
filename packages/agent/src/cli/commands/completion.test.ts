/** Completion scripts: every command and flag is in them, and bash completes with what it is given. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMAND_SPECS } from "../commands.ts";
import { zshScript } from "../completion/zsh.ts";
import { main } from "../main.ts";

async function script(shell: string): Promise<string> {
  let out = "";
  const write = (text: string) => {
    out += text;
  };
  expect(await main(["completion", shell], { out: write, err: write, env: {} })).toBe(0);
  return out;
}

test.each(["bash", "zsh", "fish"])("%s knows all commands and flags", async (shell) => {
  const words = new Set((await script(shell)).split(/[^\w-]+/).map((word) => word.replace(/^-+/, "")));
  const specs = COMMAND_SPECS.flatMap((spec) => [spec, ...(spec.verbs ?? [])]);
  const all = specs.flatMap(({ name, flags }) => [...name.split(" "), ...flags.map((flag) => flag.name)]);
  expect(all.filter((word) => !words.has(word))).toEqual([]);
});

test("no other shell", async () => {
  let err = "";
  const io = { out: () => {}, err: (text: string) => void (err += text), env: {} };
  expect(await main(["completion", "fihs"], io)).toBe(1);
  expect(err).toContain('"fihs" is neither bash, zsh nor fish; did you mean fish?');
});

test("what would end a word of zsh's is escaped", () => {
  const flag = { name: "x", values: "free", placeholder: "A:B", repeatable: true, help: "it's [so]" } as const;
  expect(zshScript([{ name: "c", summary: "s: t", flags: [flag], choices: [] }])).toContain(
    String.raw`'*-x=[it'\''s \[so\]]:A\:B:'`,
  );
});

const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

describe.skipIf(!has("bash"))("bash", () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-completion-"));
  beforeAll(async () => writeFileSync(join(folder, "hearsay.bash"), await script("bash")));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What bash offers for the last of these words. */
  function offers(...words: readonly string[]): string[] {
    const code = `source hearsay.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hearsay; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const text = execFileSync("bash", ["-c", code, "bash", "hearsay", ...words], { cwd: folder, encoding: "utf8" });
    return text.split("\n").filter((line) => line !== "");
  }

  test.each([
    [["me"], ["members"]],
    [["members", "-f"], ["-format="]],
    [["members", "--f"], ["--format="]],
    // As bash splits it: "=" is a word.
    [
      ["members", "-format", "="],
      ["text", "json"],
    ],
    [["members", "-format", "=", "j"], ["json"]],
    [
      ["members", "--format", ""],
      ["text", "json"],
    ],
    [["agent", "-log-level", "w"], ["warn"]],
    [
      ["monitor", "-log-level", "=", ""],
      ["trace", "debug", "info", "warn", "err"],
    ],
    [
      ["agent", "-profile", ""],
      ["lan", "wan", "local"],
    ],
    [["agent", "-config-file", "hear"], ["hearsay.bash"]],
    [["members", "-name", ""], []],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["help", "rt"], ["rtt"]],
    [["keys", "-l"], ["-list"]],
    [["nonsense", "-"], []],
    [["sta"], ["state"]],
    [
      ["state", ""],
      ["get", "set", "delete", "list", "watch"],
    ],
    [["state", "w"], ["watch"]],
    [["state", "set", "-t"], ["-ttl="]],
    [["state", "get", "-t"], []],
    [["state", "list", "-format", "=", "j"], ["json"]],
    [["state", "set", "-file", "hear"], ["hearsay.bash"]],
    [["counter", "a"], ["add"]],
    [["aggregate", "set", "--ro"], ["--round="]],
  ])("%j", (words, expected) => {
    expect(offers(...words)).toEqual(expected);
  });
});

describe.each(["zsh", "fish"])("%s", (shell) => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-completion-"));
  const file = join(folder, `hearsay.${shell}`);
  beforeAll(async () => writeFileSync(file, await script(shell)));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.skipIf(!has(shell))("takes the script", () => {
    const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

test.skipIf(!has("fish"))("fish offers commands, flags and values", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearsay-completion-"));
  const file = join(folder, "hearsay.fish");
  writeFileSync(file, await script("fish"));
  const offers = (line: string) => {
    const args = ["--no-config", "-c", `source ${file}; complete -C '${line}'`];
    const text = execFileSync("fish", args, { encoding: "utf8", env: { ...process.env, HOME: folder } });
    return text.split("\n").flatMap((row) => row.split("\t").slice(0, 1));
  };
  expect(offers("hearsay mem")).toContain("members");
  expect(offers("hearsay members -for").join()).toMatch(/-format/);
  expect(offers("hearsay state ")).toEqual(expect.arrayContaining(["get", "set", "delete", "list", "watch"]));
  expect(offers("hearsay state set -tt").join()).toMatch(/-ttl/);
  expect(offers("hearsay state get -tt").join()).not.toMatch(/-ttl/);
  expect(offers("hearsay completion ")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  rmSync(folder, { recursive: true });
});
