/** How one command of the language is read: its name, its shape, what it does, and the code that reads it. */
import type { Action, LayerName, NodeSet, Way } from "./scenario.ts";
import type { Words } from "./syntax.ts";
import type { Zones } from "./zones.ts";

/** What is known while a file is read. */
export interface Reading {
  readonly size: number;
  readonly layer: LayerName;
  /** Nodes that an earlier line has brought in, whatever became of them. */
  readonly there: Set<number>;
  /** Broadcasts so far. */
  broadcasts: number;
  /** Ways that `cut` or `flip` has cut since the last `heal`. */
  cuts: Way[];
  readonly zones: Zones;
  /** Number of the line that is read. */
  line: number;
}

export interface Form {
  readonly name: string;
  /** The whole line; capitals stand for something, brackets for what may be left out. */
  readonly usage: string;
  /** One line. */
  readonly about: string;
  /** Reads what follows the name. @throws ScenarioError */
  parse(words: Words, reading: Reading): Action;
}

/** Nodes that are there by then: whatever shall happen to a node that never joined would be lost without a word. */
export function nodesThere(words: Words, reading: Reading, what = "NODES"): NodeSet {
  const nodes = words.nodes(what, reading.size);
  checkThere(words, reading, nodes);
  return nodes;
}

export function nodeThere(words: Words, reading: Reading, what = "NODE"): number {
  const node = words.node(what, reading.size);
  checkThere(words, reading, [node]);
  return node;
}

function checkThere(words: Words, reading: Reading, nodes: NodeSet): void {
  const missing = nodes.find((node) => !reading.there.has(node));
  if (missing === undefined) return;
  const how = reading.there.size === 0 ? "begin with warm or join" : "join it first";
  throw words.wrong(`node ${missing} is not in the pool yet: ${how}`);
}

/** `[over TIME]`: ms, 0 for at once. */
export function over(words: Words): number {
  return words.take("over") ? words.duration("over") : 0;
}
