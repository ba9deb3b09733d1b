import { expect, test } from "vitest";
import { Report } from "./report.ts";
import { cellText, reportText } from "./report-text.ts";

function sample(): Report {
  const report = new Report("spread", 7, { nodes: 1000, loss: 0.05, layer: "memberlist" });
  const table = report.table("by-size", "Rounds until so many know", [
    { key: "nodes", title: "nodes" },
    { key: "how", title: "how" },
    { key: "everyoneMs", title: "everyone knows after this time, s", digits: 2 },
  ]);
  table.rows.push({ nodes: 10, how: "push", everyoneMs: 0.5 }, { nodes: 10_000, how: "push-pull", everyoneMs: null });
  report.table("empty", "Nothing yet", [{ key: "a", title: "a" }]);
  report.notes.push("One sentence.", `Another one, which is ${"very ".repeat(25)}long.`);
  return report;
}

test("a whole report, to the byte", () => {
  expect(reportText(sample())).toBe(`spread, seed 7
  nodes 1000, loss 0.05, layer memberlist

Rounds until so many know
                    everyone knows
                        after this
  nodes  how               time, s
  -----  ---------  --------------
     10  push                 0.50
  10000  push-pull               -

Nothing yet
  (nothing measured)

One sentence.
Another one, which is very very very very very very very very very very very very very very very
very very very very very very very very very very long.
`);
});

test("one that was broken off says so", () => {
  const report = sample();
  report.complete = false;
  expect(reportText(report)).toContain("\nINCOMPLETE: broken off before the end;");
});

test("cells", () => {
  const digits = (count?: number) => (count === undefined ? {} : { digits: count });
  expect(cellText(1.005, digits(2))).toBe("1.00");
  expect(cellText(-0.001, digits(2))).toBe("0.00");
  expect(cellText(-0.2, digits())).toBe("0");
  expect(cellText(Number.NaN, digits())).toBe("-");
  expect(cellText(Number.POSITIVE_INFINITY, digits(1))).toBe("-");
  expect(cellText("as it is", digits(1))).toBe("as it is");
});
