import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxPatternLength, Pattern } from "./pattern.ts";

const matches = (pattern: string, text: string) => Pattern.compile(pattern)?.test(text);

describe("Pattern", () => {
  it.each([
    ["^web$", "web", true],
    ["^web$", "webs", false],
    ["web", "my-web-1", true],
    [".*", "", true],
    ["", "anything", true],
    ["^a|b$", "ax", true],
    ["^a|b$", "xb", true],
    ["^(a|b)$", "ax", false],
    ["(?i)WEB", "web", true],
    ["(?i:W)eb", "wEb", false],
    ["(?i)ÄRGER", "ärger", true],
    ["a(?i)b(?-i)c", "aBc", true],
    ["a(?i)b(?-i)c", "aBC", false],
    ["(?P<name>x)(?<other>y)", "xy", true],
    ["^db-[0-9]{2,3}$", "db-12", true],
    ["^db-[0-9]{2,3}$", "db-1234", false],
    ["^a{2}$", "aa", true],
    ["^a{2,}$", "aaaaa", true],
    ["a{,2}", "a{,2}", true],
    ["^a*?b+?$", "aab", true],
    ["^[^a-c]$", "d", true],
    ["^[]a]$", "]", true],
    ["^[a-]$", "-", true],
    ["^[[:digit:][:^space:]]$", "x", true],
    ["^\\d+\\.\\d+$", "1.22", true],
    ["^\\pL\\p{Greek}\\P{Lu}$", "xΩa", true],
    ["\\bcat\\b", "a cat!", true],
    ["\\bcat\\b", "concat", false],
    ["\\Qa.b\\E+$", "a.bbb", true],
    ["^\\x41\\x{1F600}$", "A😀", true],
    ["^.$", "😀", true],
    ["a.c", "a\nc", false],
    ["(?s)a.c", "a\nc", true],
    ["(?m)^b$", "a\nb\nc", true],
    ["^b$", "a\nb\nc", false],
    ["\\Ab\\z", "b", true],
    ["(a*)*$", "aaab", true],
    ["(|a)+b", "aab", true],
    ["()", "", true],
  ])("%s on %j is %s", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it.each([
    "(",
    ")",
    "[",
    "[b-a]",
    "*",
    "a**",
    "a{1001}",
    "a{3,2}",
    "\\",
    "\\1",
    "\\Z",
    "(?=a)",
    "(?!a)",
    "(?<!a)",
    "(?i",
    "(?)",
  ])("%s is broken", (pattern) => {
    expect(Pattern.compile(pattern)).toBeUndefined();
  });

  it("refuses what is too long or grows too large", () => {
    expect(Pattern.compile("a".repeat(maxPatternLength))).toBeDefined();
    expect(Pattern.compile("a".repeat(maxPatternLength + 1))).toBeUndefined();
    expect(Pattern.compile("((a{100}){100}){100}")).toBeUndefined();
    expect(Pattern.compile("((){1000}){1000}")).toBeUndefined();
    expect(Pattern.compile(`${"(".repeat(127)}a${")".repeat(127)}`)?.test("a")).toBe(true);
  });

  it("takes no time over patterns that undo a backtracking engine", () => {
    const started = performance.now();
    expect(matches("^(a+)+$", `${"a".repeat(500)}b`)).toBe(false);
    expect(matches("(x+x+)+y", "x".repeat(500))).toBe(false);
    expect(matches("(.*)*(.*)*(.*)*[^\\s\\S]", "ab".repeat(250))).toBe(false);
    expect(matches("((x?){30}){30}y", "x".repeat(500))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("agrees with JavaScript's engine where the two languages are the same", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "c",
      ".",
      "[ab]",
      "[^a]",
      "\\w",
      "\\d",
      "\\b",
      "^",
      "$",
      "(a|b)",
      "(?:ab|c)",
      "(b|)",
    );
    const piece = fc.tuple(atom, fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,2}", "*?")).map(([a, r]) => {
      const assertion = a === "\\b" || a === "^" || a === "$";
      return assertion ? a : a + r;
    });
    const pattern = fc
      .array(piece, { maxLength: 6 })
      .chain((left) =>
        fc
          .array(piece, { maxLength: 4 })
          .map((right) => (right.length > 0 ? `${left.join("")}|${right.join("")}` : left.join(""))),
      );
    const text = fc.array(fc.constantFrom("a", "b", "c", "1", "-", " ")).map((letters) => letters.join(""));
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        expect(matches(source, subject)).toBe(new RegExp(source, "u").test(subject));
      }),
      { numRuns: 3000 },
    );
  });

  it("never throws", () => {
    const source = fc.array(fc.constantFrom(..."()[]{}|*+?^$\\.,:-abdpPxQEziB<>019 "), { maxLength: 40 });
    fc.assert(
      fc.property(source, fc.string(), (letters, text) => {
        Pattern.compile(letters.join(""))?.test(text);
      }),
      { numRuns: 5000 },
    );
  });
});
