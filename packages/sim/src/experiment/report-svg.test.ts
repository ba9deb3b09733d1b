import { describe, expect, test } from "vitest";
import type { Plot, Series } from "./report.ts";
import { plotSvg, seriesColours, textColour } from "./report-svg.ts";
import { numberText, scaleOf } from "./report-svg-axis.ts";

function plot(changes: Partial<Plot> = {}): Plot {
  return {
    name: "rounds",
    title: "Rounds until everybody knows",
    x: { title: "nodes", scale: "log" },
    y: { title: "rounds" },
    series: [
      {
        name: "measured",
        kind: "measured",
        points: [
          [10, 4],
          [100, 8],
          [1000, 11],
        ],
      },
      {
        name: "theory",
        kind: "theory",
        points: [
          [10, 4.5],
          [1000, 11.2],
        ],
      },
    ],
    ...changes,
  };
}

/** Throws unless tags are closed in order, attributes are quoted, and text holds no bare sign. Returns names of elements. */
function wellFormed(xml: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  let at = 0;
  for (const match of xml.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<&]*(?:&[a-z]+;[^"<&]*)*")*)(\/?)>/g)) {
    const between = xml.slice(at, match.index);
    if (/[<>]|&(?!(amp|lt|gt|quot);)/.test(between)) throw new Error(`text: ${between}`);
    at = match.index + match[0].length;
    const [, closing, name, , empty] = match;
    if (closing) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      seen.push(name!);
      if (!empty) open.push(name!);
    }
  }
  if (open.length > 0 || xml.slice(at).trim() !== "") throw new Error(`open at the end: ${open.join(" ")}`);
  return seen;
}

describe("a picture", () => {
  test("is well-formed, has a title and a description, and is the same every time", () => {
    const svg = plotSvg(plot());
    expect(wellFormed(svg)).toEqual(expect.arrayContaining(["svg", "title", "desc", "text", "path"]));
    expect(svg).toContain('<title id="title">Rounds until everybody knows</title>');
    expect(svg).toMatch(
      /<desc id="desc">rounds over nodes, logarithmic\. measured \(measured\): from 4 at 10 to 11 at 1000\./,
    );
    expect(plotSvg(plot())).toBe(svg);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("measured: marks on a line; theory: dashed, without marks, in the colour of what it is about", () => {
    const group = (series: Series) => plotSvg(plot({ series: [series] })).split("<g>")[1]!;
    const measured = group(plot().series[0]!);
    expect(measured.match(/Z" fill="/g)).toHaveLength(3);
    expect(measured).not.toContain("dasharray");
    const theory = group(plot().series[1]!);
    expect(theory).not.toContain('Z"');
    expect(theory).toContain("stroke-dasharray");
    const both = plotSvg(plot());
    expect(both).not.toContain(seriesColours[1]);
    const [first] = plot().series;
    expect(plotSvg(plot({ series: [first!, { ...first!, name: "pull" }] }))).toContain(seriesColours[1]);
  });

  test("of more series than there are colours: no two alike", () => {
    const points: [number, number][] = [[1, 1]];
    const names = Array.from({ length: 16 }, (_, i) => `number ${i + 1}`);
    const svg = plotSvg(plot({ series: names.map((name) => ({ name, kind: "measured", points })) }));
    const legend = [...svg.matchAll(/h28" stroke="(#\w+)".*?<path d="M[\d. -]+(.*?)" fill/g)].map(
      ([, a, b]) => `${a} ${b}`,
    );
    expect(new Set(legend).size).toBe(16);
  });

  test("theories by the names of what they are about", () => {
    const points: [number, number][] = [
      [1, 1],
      [2, 2],
    ];
    const named = (name: string, kind: Series["kind"]) => ({ name, kind, points });
    const svg = plotSvg(
      plot({
        series: [
          named("push", "measured"),
          named("push-pull", "measured"),
          named("push, recurrence", "theory"),
          named("push-pull, recurrence", "theory"),
          named("push, formula", "theory"),
          named("something else", "theory"),
        ],
      }),
    );
    const lines = [...svg.matchAll(/h28" stroke="(#\w+)"[^>]*?(?:dasharray="([^"]*)")?\/>/g)].map(([, a, b]) => [a, b]);
    const [first, second, third] = seriesColours;
    expect(lines).toEqual([
      [first, undefined],
      [second, undefined],
      [first, "6 4"],
      [second, "6 4"],
      [first, "2 3"],
      [third, "6 4"],
    ]);
  });

  test("of many points: a line alone", () => {
    const points = Array.from({ length: 200 }, (_, i) => [i + 1, i] as const);
    const svg = plotSvg(plot({ series: [{ name: "a", kind: "measured", points: [...points] }] }));
    // The legend keeps its mark.
    expect(svg.match(/Z" fill="/g)).toHaveLength(1);
  });

  test("with odd names and values", () => {
    const odd: Plot = plot({
      title: `a < b & "c" > d\u0007`,
      y: { title: "share", scale: "log" },
      series: [
        {
          name: "<script>&",
          kind: "measured",
          points: [
            [0, 1],
            [10, 0],
            [20, -1],
            [30, Number.NaN],
            [40, 0.001],
          ],
        },
        { name: "nothing", kind: "measured", points: [] },
      ],
    });
    const svg = plotSvg(odd);
    wellFormed(svg);
    expect(svg).not.toContain("<script");
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("of nothing, of one point, of equal values", () => {
    for (const points of [
      [],
      [[5, 5]],
      [
        [1, 0],
        [2, 0],
      ],
      [
        [1, -3],
        [2, -3],
      ],
    ] as [number, number][][]) {
      const svg = plotSvg(plot({ series: [{ name: "a", kind: "measured", points }] }));
      wellFormed(svg);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
      expect(svg.includes("nothing measured")).toBe(points.length === 0);
    }
  });

  test("can be read on white and on a dark page", () => {
    for (const page of ["#ffffff", "#0d1117"]) {
      expect(contrast(textColour, page)).toBeGreaterThan(4.2);
      for (const colour of seriesColours) expect(contrast(colour, page), colour).toBeGreaterThan(3);
    }
  });
});

describe("axes", () => {
  const labels = (scale: "linear" | "log", ...values: number[]) =>
    scaleOf({ title: "", scale }, values).ticks.flatMap((tick) => (tick.label === "" ? [] : [tick.label]));

  test.each([
    [
      [0, 11],
      ["0", "2", "4", "6", "8", "10", "12"],
    ],
    [
      [3, 10],
      ["0", "2", "4", "6", "8", "10"],
    ],
    [
      [98, 101],
      ["98", "98.5", "99", "99.5", "100", "100.5", "101"],
    ],
    [
      [0, 0.3],
      ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"],
    ],
    [
      [-5, 5],
      ["-6", "-4", "-2", "0", "2", "4", "6"],
    ],
    [
      [0, 43_000],
      ["0", "10,000", "20,000", "30,000", "40,000", "50,000"],
    ],
    [
      [0, 3.2e6],
      ["0", "1M", "2M", "3M", "4M"],
    ],
    [
      [7, 7],
      ["0", "2", "4", "6", "8"],
    ],
  ])("linear %j", (values, expected) => {
    const found = labels("linear", ...values);
    if (values[0] === values[1]) expect(found.length).toBeGreaterThan(1);
    else expect(found).toEqual(expected);
  });

  test.each([
    [
      [10, 10_000],
      ["10", "100", "1000", "10,000"],
    ],
    [
      [10, 200],
      ["10", "20", "50", "100", "200"],
    ],
    [
      [0.001, 1],
      ["0.001", "0.01", "0.1", "1"],
    ],
    [
      [1e-7, 1],
      ["1e-7", "1e-5", "0.001", "0.1"],
    ],
    [
      [3, 3],
      ["2", "5"],
    ],
  ])("logarithmic %j", (values, expected) => {
    const found = labels("log", ...values);
    expect(found.slice(0, expected.length)).toEqual(expected);
    const scale = scaleOf({ title: "", scale: "log" }, values);
    expect(scale.min).toBeLessThanOrEqual(values[0]!);
    expect(scale.max).toBeGreaterThanOrEqual(values[1]!);
    expect(scale.place(0)).toBeUndefined();
    expect(scale.place(scale.max)).toBeCloseTo(1);
  });

  test("every value has its place between 0 and 1", () => {
    for (const scale of ["linear", "log"] as const) {
      for (let i = 0; i < 2000; i++) {
        const low = 10 ** ((i % 40) / 4 - 5);
        const high = low * (1 + i / 7);
        const axis = scaleOf({ title: "", scale }, [low, high]);
        for (const value of [low, high]) {
          expect(axis.place(value)).toBeGreaterThanOrEqual(-1e-9);
          expect(axis.place(value)).toBeLessThanOrEqual(1 + 1e-9);
        }
        expect(axis.ticks.length).toBeLessThan(60);
        expect(axis.ticks.filter((tick) => tick.label !== "").length, `${scale} ${low} ${high}`).toBeGreaterThan(1);
      }
    }
  });

  test("numbers", () => {
    expect([0, 0.1 + 0.2, 1500, 12_345.5, 1e6, 2.5e9, 1e-7, 1e13].map(numberText)).toEqual([
      "0",
      "0.3",
      "1500",
      "12,345.5",
      "1M",
      "2.5G",
      "1e-7",
      "1e13",
    ]);
  });
});

/** As WCAG defines it. */
function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
