/** Whether something holds in a pool, and what is so instead. */
import type { Pool } from "./pool.ts";
import type { Condition, NodeSet, SeenState } from "./scenario.ts";
import { nodesText } from "./syntax.ts";

/** What a condition may be about beside the pool. */
export interface Known {
  readonly pool: Pool;
  /** Number of the latest broadcast; 0 for none. */
  readonly broadcast: number;
  /** Running nodes that somebody declared dead, in order of happening. */
  readonly falselyDead: readonly number[];
}

/** Undefined when it holds; else what is so, in a few words. */
export function missing(condition: Condition, known: Known): string | undefined {
  const { pool } = known;
  switch (condition.type) {
    case "agreed":
      return pool.agreed() ? undefined : disagreement(pool);
    case "heard": {
      const deaf = listeners(condition.by, known).filter((node) => !pool.hasHeard(node, known.broadcast));
      return deaf.length === 0 ? undefined : `not heard by ${nodesText(deaf)}`;
    }
    case "state": {
      const about = new Set(condition.about);
      const who = pool.running().filter((node) => !about.has(node));
      return unlike(pool, who, condition.about, condition.state);
    }
    case "sees":
      return unlike(pool, running(pool, condition.who), condition.about, condition.state);
    case "counts":
      return miscount(pool, running(pool, condition.who), condition.count, condition.state);
    case "no-false-deaths": {
      const dead = [...new Set(known.falselyDead)].sort((a, b) => a - b);
      return dead.length === 0 ? undefined : `${nodesText(dead)} declared dead while running`;
    }
  }
}

/** Whether it holds, as cheaply as possible: asked a hundred times for each second of a wait. */
export function holds(condition: Condition, known: Known): boolean {
  const { pool } = known;
  if (condition.type === "agreed") return pool.agreed();
  // One that does not fit is enough, and at first nobody does.
  if (condition.type === "state") {
    const about = new Set(condition.about);
    return pool.running().every((node) => about.has(node) || seesAll(pool, node, condition.about, condition.state));
  }
  if (condition.type === "sees") {
    const { who, about, state } = condition;
    return running(pool, who).every((node) => seesAll(pool, node, about, state));
  }
  if (condition.type === "counts") {
    const { who, count, state } = condition;
    return running(pool, who).every((node) => countOf(pool, node, state) === count);
  }
  return missing(condition, known) === undefined;
}

function listeners(by: NodeSet | undefined, { pool, broadcast }: Known): NodeSet {
  return by === undefined ? pool.audience(broadcast) : running(pool, by);
}

function fits(held: SeenState, wanted: SeenState): boolean {
  if (held === wanted) return true;
  if (wanted === "alive") return held === "suspect";
  // After a while the dead and the left are forgotten.
  return held === "unknown" && (wanted === "dead" || wanted === "left");
}

function seesAll(pool: Pool, node: number, about: NodeSet, state: SeenState): boolean {
  return about.every((one) => fits(heldOf(pool, node, one), state));
}

/** A node always holds itself alive. */
function heldOf(pool: Pool, node: number, about: number): SeenState {
  return node === about ? "alive" : pool.holds(node, about);
}

function unlike(pool: Pool, who: NodeSet, about: NodeSet, state: SeenState): string | undefined {
  const others = new Map<SeenState, Set<number>>();
  for (const node of who) {
    for (const one of about) {
      const held = heldOf(pool, node, one);
      if (fits(held, state)) continue;
      const nodes = others.get(held) ?? new Set();
      others.set(held, nodes.add(node));
    }
  }
  if (others.size === 0) return undefined;
  const parts = [...others].sort(byText).map(([held, nodes]) => `${held} to ${nodesText([...nodes])}`);
  return parts.join(", ");
}

function miscount(pool: Pool, who: NodeSet, wanted: number, state: SeenState): string | undefined {
  const counts = new Map<number, number[]>();
  for (const node of who) {
    const count = countOf(pool, node, state);
    if (count !== wanted) counts.set(count, [...(counts.get(count) ?? []), node]);
  }
  if (counts.size === 0) return undefined;
  const parts = [...counts].sort(([a], [b]) => a - b).map(([count, nodes]) => `${nodesText(nodes)} see ${count}`);
  return short(parts);
}

function countOf(pool: Pool, node: number, state: SeenState): number {
  if (state === "alive") return pool.aliveCount(node);
  if (state !== "unknown") return pool.members(node).filter((member) => member.state === state).length;
  return all(pool).filter((one) => pool.place(one) !== undefined && pool.holds(node, one) === "unknown").length;
}

/** How many see how many. */
function disagreement(pool: Pool): string {
  const living = pool.running();
  const counts = new Map<number, number>();
  for (const node of living) counts.set(pool.aliveCount(node), (counts.get(pool.aliveCount(node)) ?? 0) + 1);
  const parts = [...counts].sort(([a], [b]) => a - b).map(([count, nodes]) => `${nodes} see ${count} alive`);
  return `${living.length} run; ${short(parts)}`;
}

function short(parts: readonly string[]): string {
  const most = 4;
  return parts.length <= most ? parts.join(", ") : `${parts.slice(0, most).join(", ")}, and so on`;
}

function running(pool: Pool, nodes: NodeSet): NodeSet {
  return nodes.filter((node) => pool.runs(node));
}

function all(pool: Pool): NodeSet {
  return Array.from({ length: pool.size }, (_, i) => i);
}

function byText([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
