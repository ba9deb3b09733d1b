import { describe, expect, test } from "vitest";
import { normaliseArgv, wordsBeforeData } from "./argv.ts";
import { type FlagSpec, UsageError } from "./spec.ts";

const FLAGS: readonly FlagSpec[] = [
  { name: "name", value: "NAME", help: "" },
  { name: "tag", value: "K=V", repeatable: true, help: "" },
  { name: "replay", help: "" },
];
const normal = (...argv: string[]) => normaliseArgv(argv, FLAGS);

test.each([
  [
    ["-name", "x"],
    ["--name=x", "--"],
  ],
  [
    ["--name", "x"],
    ["--name=x", "--"],
  ],
  [["-name=x"], ["--name=x", "--"]],
  [["--name="], ["--name=", "--"]],
  [
    ["-name", "-replay"],
    ["--name=-replay", "--"],
  ],
  [
    ["-tag", "a=b=c", "--tag=d=e"],
    ["--tag=a=b=c", "--tag=d=e", "--"],
  ],
  [
    ["-replay", "x"],
    ["--replay=true", "--", "x"],
  ],
  [
    ["-replay=false", "-replay=T"],
    ["--replay=false", "--replay=true", "--"],
  ],
  [
    ["a", "-name", "x", "b"],
    ["--name=x", "--", "a", "b"],
  ],
  [
    ["-", "--", "-name", "x"],
    ["--", "-", "-name", "x"],
  ],
])("%j", (argv, expected) => {
  expect(normal(...argv)).toEqual(expected);
});

test("the first argument ends the flags, where it is asked for", () => {
  expect(normaliseArgv(["-name=x", "a", "-replay", "--", "-zz"], FLAGS, true)).toEqual([
    "--name=x",
    "--",
    ...["a", "-replay", "--", "-zz"],
  ]);
});

test("a command's data is nobody's flag", () => {
  const before = (...argv: string[]) => wordsBeforeData(argv, FLAGS);
  expect(before("-name", "x", "deploy", "-h")).toEqual(["-name", "x"]);
  expect(before("-name=x", "-replay", "-h")).toEqual(["-name=x", "-replay", "-h"]);
  expect(before("--", "-v")).toEqual([]);
});

describe("refused", () => {
  test.each([
    [["-nmae", "x"], "unknown flag -nmae; did you mean -name?"],
    [["-rep"], "unknown flag -rep; did you mean -replay?"],
    [["-zzzzzz"], /^unknown flag -zzzzzz$/],
    [["-name"], "-name needs a value: -name=NAME"],
    [["-replay=maybe"], "-replay is a switch"],
  ])("%j", (argv, message) => {
    expect(() => normal(...argv)).toThrow(message);
    expect(() => normal(...argv)).toThrow(UsageError);
  });
});
