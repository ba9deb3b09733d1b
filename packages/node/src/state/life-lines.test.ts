/** Lines of what was counted: they come back as they were, and nothing damaged or foreign does. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { lifeLine, parseLifeLine } from "./life-lines.ts";

const count = fc.nat(1000);
const lives = fc
  .record({
    id: fc.stringMatching(/^[0-9a-f]{16}$/),
    writer: fc.string({ maxLength: 20 }),
    from: count,
    more: count,
    rows: fc.array(
      fc.record({
        counter: fc.string({ minLength: 1, maxLength: 30 }),
        plus: fc.maxSafeNat(),
        minus: count,
        version: count,
      }),
    ),
  })
  .map(({ id, writer, from, more, rows }) => {
    const to = from + more;
    return { id, writer, from, to, tallies: rows.map((row) => ({ ...row, version: Math.min(row.version, to) })) };
  });

test("they come back as they were, each on one line", () => {
  fc.assert(
    fc.property(lives, (life) => {
      const line = lifeLine(life);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(parseLifeLine(line.slice(0, -1))).toEqual(life);
    }),
  );
});

test("cut or changed anywhere, none is read", () => {
  const line = lifeLine({
    id: "0123456789abcdef",
    writer: "ä",
    from: 0,
    to: 1,
    tallies: [{ counter: "n", plus: 1, minus: 0, version: 1 }],
  });
  for (let i = 0; i < line.length - 1; i++) {
    expect(parseLifeLine(line.slice(0, i))).toBeUndefined();
    expect(parseLifeLine(`${line.slice(0, i)}\0${line.slice(i + 1, -1)}`)).toBeUndefined();
  }
});

test("a right checksum does not make it a life", () => {
  const good = { id: "0123456789abcdef", writer: "a", from: 0, to: 2 };
  const row = { counter: "n", plus: 1, minus: 0, version: 1 };
  const bad: unknown[] = [
    { ...good, id: "xyz" },
    { ...good, from: 3 },
    { ...good, to: -1 },
    { ...good, writer: "x".repeat(256) },
  ];
  for (const life of bad)
    expect(parseLifeLine(lifeLine({ ...(life as typeof good), tallies: [row] }).trimEnd())).toBeUndefined();
  for (const change of [{ counter: "" }, { plus: -1 }, { minus: 0.5 }, { version: 3 }, { counter: "x".repeat(129) }]) {
    expect(parseLifeLine(lifeLine({ ...good, tallies: [{ ...row, ...change }] }).trimEnd())).toBeUndefined();
  }
});
