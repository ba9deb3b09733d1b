/**
 * What happened, for those who have to explain a violation: bounded rings, one for each node's opinion of each member and
 * one for each node's own life, so that what is printed about two of them is about these two.
 */
import type { Evidence } from "@hearsay/core";

interface Entry {
  readonly at: number;
  /** Decides between entries of one time. */
  readonly serial: number;
  readonly node: string;
  readonly about: string;
  readonly what: string;
  readonly incarnation: number;
  readonly detail: string | Evidence;
}

/** Entries kept in one ring. */
const ringLength = 16;
/** Lines of a trace; the latest are the ones that explain it. */
const traceLines = 48;
/** The ring of what concerns everybody: partitions, the network's conditions. */
const everybody = "*";

export class History {
  /** By node, then by member. */
  readonly #rings = new Map<string, Map<string, Entry[]>>();
  #serial = 0;

  /** `node` came to think or to know something about `about`. */
  note(
    at: number,
    node: string,
    about: string,
    what: string,
    incarnation: number,
    detail: string | Evidence = "",
  ): void {
    let own = this.#rings.get(node);
    if (own === undefined) {
      own = new Map();
      this.#rings.set(node, own);
    }
    let ring = own.get(about);
    if (ring === undefined) {
      ring = [];
      own.set(about, ring);
    }
    ring.push({ at, serial: ++this.#serial, node, about, what, incarnation, detail });
    if (ring.length > ringLength) ring.shift();
  }

  /** Something was done to a node, or to everybody when `node` is "*". */
  fault(at: number, node: string, what: string, detail = ""): void {
    this.note(at, node, everybody, what, 0, detail);
  }

  /** What concerns this node and this member, in order of time: a legend, then a line each. */
  about(node: string, about: string): string[] {
    const rings = new Set([
      this.#rings.get(node)?.get(about),
      this.#rings.get(about)?.get(about),
      this.#rings.get(node)?.get(everybody),
      this.#rings.get(about)?.get(everybody),
      this.#rings.get(everybody)?.get(everybody),
    ]);
    const entries = [...rings].flatMap((ring) => ring ?? []);
    entries.sort((a, b) => a.at - b.at || a.serial - b.serial);
    const shown = entries.slice(-traceLines);
    if (shown.length === 0) return [];
    const nodeWidth = Math.max(4, ...shown.map((entry) => entry.node.length));
    const aboutWidth = Math.max(5, ...shown.map((entry) => entry.about.length));
    const whatWidth = Math.max(4, ...shown.map((entry) => entry.what.length));
    const line = (time: string, node: string, about: string, what: string, incarnation: string, detail: string) =>
      `${time.padStart(10)}  ${node.padEnd(nodeWidth)}  ${about.padEnd(aboutWidth)}  ${what.padEnd(whatWidth)}  ${incarnation.padStart(4)}  ${detail}`.trimEnd();
    const legend = line("time, s", "node", "about", "what", "inc", "detail");
    return [
      legend,
      ...shown.map(({ at, node, about, what, incarnation, detail }) =>
        line(
          (at / 1000).toFixed(3),
          node,
          about,
          what,
          incarnation > 0 ? String(incarnation) : "",
          typeof detail === "string" ? detail : evidenceDetail(detail),
        ),
      ),
    ];
  }
}

/** All that an entry of the evidence log says beside its type, time and incarnation. */
function evidenceDetail(evidence: Evidence): string {
  return Object.entries(evidence)
    .filter(([key, value]) => key !== "type" && key !== "at" && key !== "incarnation" && value !== "")
    .map(([key, value]) => `${key} ${typeof value === "number" ? Math.round(value) : value}`)
    .join(", ");
}
