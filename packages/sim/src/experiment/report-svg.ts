/**
 * A plot as a picture: SVG that needs nothing else, without a background of its own, in colours that can be read on white
 * and on dark. Measured series are points with a line, theory is dashed. The same plot gives the same bytes.
 */
import type { Plot, Series } from "./report.ts";
import { type Scale, scaleOf } from "./report-svg-axis.ts";

const width = 760;
const plotHeight = 330;
const left = 76;
const right = 24;
const top = 52;
const belowAxis = 56;
const legendRow = 22;
/** Of the legend's font, about: px. */
const letterWidth = 6.7;

/** Text and lines: 4.3 to 1 against white and against a dark page alike. */
const ink = "#797979";
/** Lines behind the data. */
const gridInk = "#8a8a8a";
/** All of them at least 3 to 1 against white and against GitHub's dark page; neighbours differ in lightness too. */
export const seriesColours: readonly string[] = [
  "#2f81d6",
  "#d3660a",
  "#1b9460",
  "#cf4a96",
  "#8d6ae0",
  "#9b7d0b",
  "#0f93a5",
  "#d84a4a",
];
export const textColour = ink;
/** Points beyond this many would hide their line. */
const maxMarks = 60;

export function plotSvg(plot: Plot): string {
  const x = scaleOf(
    plot.x,
    plot.series.flatMap((series) => series.points.map(([value]) => value)),
  );
  const y = scaleOf(
    plot.y,
    plot.series.flatMap((series) => series.points.map(([, value]) => value)),
  );
  const styles = stylesOf(plot.series);
  const legend = legendOf(plot.series, styles);
  const height = top + plotHeight + belowAxis + legend.height;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${ink}">`,
    `<title id="title">${escaped(plot.title)}</title>`,
    `<desc id="desc">${escaped(description(plot))}</desc>`,
    `<text x="${left}" y="26" font-size="16" font-weight="600">${escaped(plot.title)}</text>`,
    ...axes(plot, x, y),
    ...plot.series.map((series, i) => drawn(series, styles[i]!, x, y)),
    ...(plot.series.some((series) => series.points.length > 0)
      ? []
      : [`<text x="${left + plotWidth / 2}" y="${top + plotHeight / 2}" text-anchor="middle">nothing measured</text>`]),
    ...legend.parts,
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

const plotWidth = width - left - right;

function axes(plot: Plot, x: Scale, y: Scale): string[] {
  const bottom = top + plotHeight;
  const parts: string[] = [];
  const grid = (path: string, named: boolean) =>
    `<path d="${path}" stroke="${gridInk}" stroke-opacity="${named ? 0.35 : 0.15}" fill="none"/>`;
  for (const { value, label } of y.ticks) {
    const at = number(bottom - y.place(value)! * plotHeight);
    parts.push(grid(`M${left} ${at}H${left + plotWidth}`, label !== ""));
    if (label !== "") {
      parts.push(`<text x="${left - 9}" y="${at}" dy="0.35em" text-anchor="end">${label}</text>`);
    }
  }
  for (const { value, label } of x.ticks) {
    const at = number(left + x.place(value)! * plotWidth);
    parts.push(grid(`M${at} ${top}V${bottom}`, label !== ""));
    if (label !== "") parts.push(`<text x="${at}" y="${bottom + 19}" text-anchor="middle">${label}</text>`);
  }
  parts.push(
    `<path d="M${left} ${top}V${bottom}H${left + plotWidth}" stroke="${ink}" fill="none"/>`,
    `<text x="${left + plotWidth / 2}" y="${bottom + 42}" text-anchor="middle">${escaped(plot.x.title)}</text>`,
    `<text transform="translate(18 ${top + plotHeight / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.y.title)}</text>`,
  );
  return parts;
}

interface Style {
  readonly colour: string;
  /** Which mark: colours are not the only difference. */
  readonly mark: number;
  /** Lengths of dashes and gaps; "" for a whole line. */
  readonly dashes: string;
}

/** Of the first theory of a series, the second, and so on. */
const dashes = ["6 4", "2 3", "9 3 2 3"];

/**
 * A theory has the colour of what it is the theory of, as far as names tell: the same words in the beginning
 * ("push, fan-out 1" and "push, fan-out 1, recurrence"), apart from those that say that it is one.
 */
function stylesOf(series: readonly Series[]): Style[] {
  const subjects = series.map(({ name }) => subjectOf(name));
  const measured = subjects.filter((_, i) => series[i]!.kind === "measured");
  const colours: string[] = [];
  const theories = new Map<number, number>();
  return series.map(({ kind }, i) => {
    const own = subjects[i]!;
    const begins = (subject: string) => own === subject || own.startsWith(`${subject} `) || subject === "";
    const paired = kind === "theory" ? measured.filter(begins).sort((a, b) => b.length - a.length)[0] : undefined;
    const subject = paired ?? own;
    let at = colours.indexOf(subject);
    if (at < 0) at = colours.push(subject) - 1;
    const colour = seriesColours[at % seriesColours.length]!;
    // When colours begin again, marks are one further.
    const mark = (at + Math.floor(at / seriesColours.length)) % 4;
    if (kind === "measured") return { colour, mark, dashes: "" };
    const before = theories.get(at) ?? 0;
    theories.set(at, before + 1);
    return { colour, mark, dashes: dashes[before % dashes.length]! };
  });
}

function subjectOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/\b(measured|measurement|theory|theoretical|model|predicted|prediction|expected)\b/g, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

function drawn(series: Series, style: Style, x: Scale, y: Scale): string {
  const points = series.points.flatMap(([px, py]) => {
    const across = x.place(px);
    const up = y.place(py);
    if (across === undefined || up === undefined) return [];
    return [[left + across * plotWidth, top + plotHeight - up * plotHeight] as const];
  });
  if (points.length === 0) return "<g/>";
  const path = points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${number(px)} ${number(py)}`).join("");
  const marks =
    style.dashes !== "" || (points.length > maxMarks && points.length > 1)
      ? []
      : points.map(([px, py]) => `<path d="${markPath(style.mark, px, py)}" fill="${style.colour}"/>`);
  return [`<g>`, linePath(path, style), ...marks, `</g>`].join("\n");
}

function linePath(path: string, { colour, dashes }: Style): string {
  const dash = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  return `<path d="${path}" stroke="${colour}" stroke-width="${dashes === "" ? 1.8 : 1.6}" stroke-linejoin="round" fill="none"${dash}/>`;
}

/** A disc, a square, a diamond, a triangle. */
function markPath(mark: number, px: number, py: number): string {
  const at = (dx: number, dy: number) => `${number(px + dx)} ${number(py + dy)}`;
  switch (mark) {
    case 0:
      return `M${at(-3.5, 0)}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z`;
    case 1:
      return `M${at(-3.2, -3.2)}h6.4v6.4h-6.4Z`;
    case 2:
      return `M${at(0, -4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5Z`;
    default:
      return `M${at(0, -4.2)}l4.2 7.4h-8.4Z`;
  }
}

/** Below the plot, in as many columns as the longest name leaves room for. */
function legendOf(series: readonly Series[], styles: readonly Style[]): { parts: string[]; height: number } {
  if (series.length === 0) return { parts: [], height: 0 };
  const longest = Math.max(...series.map(({ name }) => [...name].length));
  const column = Math.min(plotWidth, 46 + longest * letterWidth + 14);
  const columns = Math.max(1, Math.floor(plotWidth / column));
  const rows = Math.ceil(series.length / columns);
  const parts = series.map(({ name }, i) => {
    const style = styles[i]!;
    const px = left + (i % columns) * column;
    const py = top + plotHeight + belowAxis + Math.floor(i / columns) * legendRow + 8;
    const mark = style.dashes !== "" ? "" : `<path d="${markPath(style.mark, px + 14, py)}" fill="${style.colour}"/>`;
    const line = linePath(`M${number(px)} ${number(py)}h28`, style);
    return `<g>${line}${mark}<text x="${number(px + 36)}" y="${number(py)}" dy="0.35em">${escaped(name)}</text></g>`;
  });
  return { parts, height: rows * legendRow + 8 };
}

/** For those who do not see it: axes, and where each series begins and ends. */
function description({ x, y, series }: Plot): string {
  const across = `${y.title} over ${x.title}${x.scale === "log" || y.scale === "log" ? ", logarithmic" : ""}.`;
  const each = series.map(({ name, kind, points }) => {
    const first = points[0];
    const last = points.at(-1);
    if (first === undefined || last === undefined) return `${name} (${kind}): no points.`;
    return `${name} (${kind}): from ${plain(first[1])} at ${plain(first[0])} to ${plain(last[1])} at ${plain(last[0])}.`;
  });
  return [across, ...each].join(" ");
}

function plain(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "nothing";
}

/** Hundredths of a pixel. */
function number(value: number): string {
  const text = value.toFixed(2).replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text;
}

/** For text and for attributes. XML has no way at all to write control characters. */
function escaped(text: string): string {
  return text
    .replace(/\p{Cc}/gu, " ")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}
