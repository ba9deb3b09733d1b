/** What a plan consists of: figures, each with its unit, its formula in words and where that comes from. */

export type FigureUnit = "bytes/s" | "packets/s" | "ms" | "bytes" | "per second" | "per day" | "share" | "count";

export interface Figure {
  /** camelCase, for JSON. */
  readonly key: string;
  /** For people: "everybody has it". */
  readonly title: string;
  /** Null where there is none: a time that never comes, a rate that is off. */
  readonly value: number | null;
  readonly unit: FigureUnit;
  /** In one line. */
  readonly formula: string;
  /** A paper's section, or a file of ours. */
  readonly source: string;
}

export interface FigureGroup {
  readonly key: string;
  readonly title: string;
  readonly figures: readonly Figure[];
}

/** The papers, by the names used in sources. */
export const papers = {
  swim: "SWIM (Das, Gupta, Motivala 2002)",
  lifeguard: "Lifeguard (Dadgar, Phillips, Currey 2018)",
  demers: "Demers et al. 1987",
  pittel: "Pittel 1987",
  rfc6298: "RFC 6298",
} as const;
