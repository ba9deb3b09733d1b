import { expect, test } from "vitest";
import { json, sorted, table } from "./output.ts";

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

test("JSON as Go writes it", () => {
  expect(json({ a: "<&>\u2028" })).toBe('{\n  "a": "\\u003c\\u0026\\u003e\\u2028"\n}\n');
  expect(Object.keys(sorted({ b: 1, a: 2 }))).toEqual(["a", "b"]);
});
