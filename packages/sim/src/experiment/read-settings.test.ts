import { expect, it } from "vitest";
import type { Setting } from "./experiment.ts";
import { runSeed, SettingReader } from "./read-settings.ts";

const settings: Setting[] = [
  { name: "nodes", help: "", kind: "list", default: "8", min: 2, max: 100 },
  { name: "stop", help: "", kind: "text", default: "leave", choices: ["leave", "kill"] },
  { name: "repeat", help: "", kind: "integer", default: 3, min: 1, max: 9 },
  { name: "full", help: "", kind: "flag", default: false },
];

it("reads lists, numbers, texts and flags", () => {
  const read = new SettingReader({ settings }, { nodes: "2, 16,100", stop: "kill", full: true });
  expect(read.list("nodes")).toEqual([2, 16, 100]);
  expect(read.text("stop")).toBe("kill");
  expect(read.flag("full")).toBe(true);
  expect(new SettingReader({ settings }, { nodes: 7 }).list("nodes")).toEqual([7]);
  expect(new SettingReader({ settings }, { nodes: 7 }).number("nodes")).toBe(7);
});

it("names what is wrong", () => {
  for (const nodes of ["1", "101", "8,,9", "", "x", "8;9", true, null]) {
    expect(() => new SettingReader({ settings }, { nodes }).list("nodes"), String(nodes)).toThrow(
      /^nodes: 2 … 100, not /,
    );
  }
  expect(() => new SettingReader({ settings }, { stop: "die" }).text("stop")).toThrow('stop: leave, kill, not "die"');
  expect(() => new SettingReader({ settings }, { repeat: 1.5 }).number("repeat")).toThrow(
    "repeat: 1 … 9, whole, not 1.5",
  );
  expect(() => new SettingReader({ settings }, {}).number("size")).toThrow("size: no such setting");
});

it("gives each run a seed of its own, the same every time", () => {
  const seeds = ["a 1", "a 2", "b 1"].map((label) => runSeed(1, label));
  expect(new Set(seeds).size).toBe(3);
  expect(runSeed(1, "a 1")).toBe(seeds[0]);
  expect(runSeed(2, "a 1")).not.toBe(seeds[0]);
});
