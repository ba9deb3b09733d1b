/**
 * Zones, as far as a file has been read: which nodes it puts where, and between which zones it knows latencies. The network
 * would take a zone without a row for the last one, and without `latency zones` overlook it: a slip, and nobody would see it.
 */
import type { NodeSet } from "./scenario.ts";

interface Placed {
  readonly zone: number;
  readonly line: number;
}

export class Zones {
  /** Rows of the latest `latency zones`; undefined while the latency in force knows no zones. */
  #rows: number | undefined;
  /** By node; those without are in zone 0. */
  readonly #placed = new Map<number, Placed>();
  /** Lines that no `latency zones` has given a meaning yet. */
  #idle: number[] = [];

  /** What is wrong about a line `zone`, if anything. */
  place(nodes: NodeSet, zone: number, line: number): string | undefined {
    if (this.#rows === undefined) this.#idle.push(line);
    else if (zone >= this.#rows) return `there is no zone ${zone}; latency zones has ${this.#range()}`;
    for (const node of nodes) this.#placed.set(node, { zone, line });
    return undefined;
  }

  /** What is wrong about a line `latency`, if anything. @param rows undefined for one without zones. */
  latency(rows: number | undefined): string | undefined {
    this.#rows = rows;
    if (rows === undefined) return undefined;
    this.#idle = [];
    for (const [node, { zone, line }] of this.#placed) {
      if (zone >= rows) return `node ${node} is in zone ${zone} (line ${line}), and this has ${this.#range()}`;
    }
    return undefined;
  }

  /** The first line that is without a meaning, when the file has ended. */
  get idleLine(): number | undefined {
    return this.#idle[0];
  }

  #range(): string {
    return this.#rows === 1 ? "only zone 0" : `zones 0..${this.#rows! - 1}`;
  }
}
