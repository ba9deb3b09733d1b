/** The list of commands: what every entry keeps to. */
import { expect, test } from "vitest";
import { COMMAND_SPECS } from "./commands.ts";

test("in the order of their names, each once", () => {
  const names = COMMAND_SPECS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
  // Serf's, all of them.
  const serf =
    "agent event force-leave info join keygen keys leave members monitor query reachability rtt tags version";
  expect(names).toEqual(expect.arrayContaining(serf.split(" ")));
});

test.each(COMMAND_SPECS.flatMap((spec) => [spec, ...(spec.verbs ?? [])]))(
  "$name: its help fits its width, and no flag is there twice",
  ({ about, flags }) => {
    expect(about.split("\n").filter((line) => line.length > 110)).toEqual([]);
    expect(new Set(flags.map(({ name }) => name)).size).toBe(flags.length);
  },
);
