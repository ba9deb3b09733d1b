/**
 * What an experiment found: tables and plots, as data. Filled while the experiment runs, so that one that is broken off
 * keeps what it has measured. How it is printed, drawn and saved is the business of `report-text.ts`, `report-svg.ts` and
 * whoever writes files.
 */

export interface Column {
  /** In rows and in JSON, camelCase with the unit: `everyoneMs`. */
  readonly key: string;
  /** In the heading: "everyone knows, s". */
  readonly title: string;
  /** Decimals of numbers. Default 0. */
  readonly digits?: number;
  /** "exponent": `7.2e-12`, for numbers over many decades. */
  readonly style?: "exponent";
}

export type Cell = number | string | null;
export type Row = Readonly<Record<string, Cell>>;

export interface Table {
  /** In file names and JSON: "spread-by-size". */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: Row[];
}

export interface Axis {
  readonly title: string;
  /** Default "linear". */
  readonly scale?: "linear" | "log";
}

export interface Series {
  readonly name: string;
  /** Measured values are drawn as points with a line, theory as a dashed line. */
  readonly kind: "measured" | "theory";
  readonly points: (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: Series[];
}

export class Report {
  readonly experiment: string;
  readonly seed: number;
  /** Every setting in force, defaults included. */
  readonly settings: Readonly<Record<string, Cell>>;
  readonly tables: Table[] = [];
  readonly plots: Plot[] = [];
  /** Sentences for the reader: what was compared, what a column means, what was left out. */
  readonly notes: string[] = [];
  /** What should not have come out: an experiment that checks something says it here, and has failed. */
  readonly failures: string[] = [];
  /** False once it was broken off. */
  complete = true;

  constructor(experiment: string, seed: number, settings: Readonly<Record<string, Cell>>) {
    this.experiment = experiment;
    this.seed = seed;
    this.settings = settings;
  }

  table(name: string, title: string, columns: readonly Column[]): Table {
    const table: Table = { name, title, columns, rows: [] };
    this.tables.push(table);
    return table;
  }

  plot(name: string, title: string, x: Axis, y: Axis): Plot {
    const plot: Plot = { name, title, x, y, series: [] };
    this.plots.push(plot);
    return plot;
  }

  /** The series of that name in a plot, made at first use. */
  series(plot: Plot, name: string, kind: Series["kind"] = "measured"): Series {
    const known = plot.series.find((series) => series.name === name);
    if (known) return known;
    const series: Series = { name, kind, points: [] };
    plot.series.push(series);
    return series;
  }

  /** Plain data in a fixed order: the same report gives the same bytes. */
  toJSON(): object {
    const { experiment, seed, settings, complete, tables, plots, notes, failures } = this;
    const failed = failures.length > 0 ? { failures } : {};
    return { experiment, seed, settings, complete, tables, plots, notes, ...failed };
  }
}
