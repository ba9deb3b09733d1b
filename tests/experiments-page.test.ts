/**
 * docs/experiments.md says of every table and picture which command made it (`node scripts/experiments.mjs` makes them
 * again), so each has to say so, and its command has to be one.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { experiments } from "@hearsay/sim";
import { describe, expect, it } from "vitest";
import { pictures, tables } from "../scripts/experiments.mjs";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const page = readFileSync(join(docs, "experiments.md"), "utf8");

describe("docs/experiments.md", () => {
  it("names the command of every table", () => {
    const fences = page.match(/^```.+$/gm) ?? [];
    expect(fences.length).toBeGreaterThan(10);
    expect(tables(page)).toHaveLength(fences.length);
  });

  it("names the command of every picture, and shows every picture there is", () => {
    const shown = pictures(page).map(({ file }) => file.slice("pictures/".length));
    expect(shown.toSorted()).toEqual(readdirSync(join(docs, "pictures")).toSorted());
  });

  it("names commands that there are, and every experiment", () => {
    const named = new Set(
      [...tables(page), ...pictures(page)]
        .map(({ command }) => command.split(" ").slice(1, 4))
        .map(([command, verb, name]) => (command === "sim" && verb === "run" ? name : command)),
    );
    expect([...named].filter((name) => name !== "plan").toSorted()).toEqual(
      experiments.map(({ name }) => name).toSorted(),
    );
  });
});
