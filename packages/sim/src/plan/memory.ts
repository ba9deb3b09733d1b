/**
 * What knowing the pool costs one process. Not a formula but a measurement: `memory.test.ts` has one machine take pools of
 * two sizes in by a push/pull from bytes, lets it gossip until its queues are empty, collects garbage, and takes the
 * difference of what is in use (heap and array buffers); it fails when these constants are no longer true within a fifth.
 */
import type { FigureGroup } from "./figure.ts";
import type { PlanInputs } from "./inputs.ts";

/** Columns, ring, record with its address, endpoint and versions, and the index by name: bytes. Node 20 on Linux. */
const bytesPerMember = 500;
/** An array of its own around the meta: bytes. */
const metaHeadBytes = 190;
/** The machine and its driver before they know anybody: bytes, with buffers that all nodes of a process share. */
const bytesPerMachine = 50_000;

/** Bytes for each member known. */
export function memberBytes({ nameBytes, metaBytes }: Pick<PlanInputs, "nameBytes" | "metaBytes">): number {
  return bytesPerMember + nameBytes + (metaBytes > 0 ? metaHeadBytes + metaBytes : 0);
}

export interface Memory {
  readonly perMemberBytes: number;
  readonly perNodeBytes: number;
}

export function memory(inputs: PlanInputs): Memory {
  const perMemberBytes = memberBytes(inputs);
  return { perMemberBytes, perNodeBytes: bytesPerMachine + inputs.nodes * perMemberBytes };
}

export function memoryGroup(m: Memory): FigureGroup {
  const source = "measured: sim/src/plan/memory.test.ts";
  return {
    key: "memory",
    title: "Memory in use by one member (Node.js itself takes some 58 MB more)",
    figures: [
      {
        key: "perMemberBytes",
        title: "for each member it knows",
        value: m.perMemberBytes,
        unit: "bytes",
        formula: "500 + name + (190 + meta, if any)",
        source,
      },
      {
        key: "perNodeBytes",
        title: "for the whole pool",
        value: m.perNodeBytes,
        unit: "bytes",
        formula: "50 kB + n x the same",
        source,
      },
    ],
  };
}
