import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readTagsFile, writeTagsFile } from "./tags-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hearsay-tags-"));
  path = join(directory, "tags.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("written as Serf writes it, and read again", async () => {
  const tags = { role: "web", dc: "<east> & west", "": "x" };
  await writeTagsFile(path, tags);
  expect(readFileSync(path, "utf8")).toBe(
    '{\n  "": "x",\n  "dc": "\\u003ceast\\u003e \\u0026 west",\n  "role": "web"\n}',
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readTagsFile(path)).toEqual(tags);
  await writeTagsFile(path, {});
  expect(readFileSync(path, "utf8")).toBe("{}");
  expect(readdirSync(directory)).toEqual(["tags.json"]);
});

test("a link stays a link", async () => {
  const target = join(directory, "target.json");
  writeFileSync(target, "{}");
  symlinkSync(target, path);
  await writeTagsFile(path, { a: "b" });
  expect(lstatSync(path).isSymbolicLink()).toBe(true);
  expect(readTagsFile(target)).toEqual({ a: "b" });
});

test("a file that is not there says nothing; null is Go's way of saying no tags", () => {
  expect(readTagsFile(path)).toBe(undefined);
  writeFileSync(path, "null");
  expect(readTagsFile(path)).toEqual({});
});

test.each(["", "{", "[]", '"x"', "7", '{"a": 1}'])("refused: %j", (content) => {
  writeFileSync(path, content);
  expect(() => readTagsFile(path)).toThrow(/^Failed to decode tags file: /);
});

test("what cannot be read or written is said", async () => {
  expect(() => readTagsFile(directory)).toThrow(/^Failed to read tags file: /);
  await expect(writeTagsFile(join(directory, "none", "tags.json"), {})).rejects.toThrow(/^Failed to write tags file: /);
});
