import { expect, test } from "vitest";
import { json, printableText, quoted, sorted, table, textOf } from "./output.ts";

test("columns are padded by characters, the end is trimmed", () => {
  const rows = [
    ["s1", "127.0.0.1:7946", "alive", "dc=east"],
    ["sä2x", "[::1]:7946", "failed", ""],
    ["s3", "", "left", ""],
  ];
  expect(table(rows)).toBe(
    "s1    127.0.0.1:7946  alive   dc=east\nsä2x  [::1]:7946      failed  \ns3                    left\n",
  );
  expect(table([])).toBe("");
});

test("what would steer a terminal is shown", () => {
  expect(table([["a\u001b[2Jb\u202e\n"]])).toBe("a\\u001b[2Jb\\u202e\\u000a\n");
});

test("text of several lines keeps its shape", () => {
  expect(printableText("a\tb\n\u001b[2J\r\u009b\u{e0001}")).toBe("a\tb\n\\u001b[2J\\u000d\\u009b\\u{e0001}");
  expect(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff))).toBe("\ufeffa\ufffd");
});

test("quoted on one line", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(quoted(bytes('"\\é\n\t\r\u0001\u202e'))).toBe('"\\"\\\\é\\n\\t\\r\\u0001\\u202e"');
  expect(quoted(Uint8Array.of(0x61, 0x0a, 0xff, 0x22, 0x80))).toBe('"a\\n\\xff\\"\\x80"');
});

test("JSON as Go writes it", () => {
  expect(json({ a: "<&>\u2028" })).toBe('{\n  "a": "\\u003c\\u0026\\u003e\\u2028"\n}\n');
  expect(json("\u009b\u202e")).toBe('"\\u009b\\u202e"\n');
  expect(Object.keys(sorted({ b: 1, a: 2 }))).toEqual(["a", "b"]);
});
