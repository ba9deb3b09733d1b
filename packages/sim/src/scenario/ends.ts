/**
 * What a scenario would still have to do when it has ended: the last of a wave, a process that is down until later. It would
 * be lost without a word, so the file is wrong.
 */
import type { Action, Command } from "./scenario.ts";
import { durationText } from "./syntax.ts";

/** Virtual ms that a command lets pass, at the most. */
export function passingMs(action: Action): number {
  return action.type === "advance" ? action.ms : action.type === "until" ? action.withinMs : 0;
}

/** The first command that cannot come to its end in what is left behind it, and why. */
export function neverDone(commands: readonly Command[]): { readonly line: number; readonly what: string } | undefined {
  let left = commands.reduce((sum, { action }) => sum + passingMs(action), 0);
  for (const { line, action } of commands) {
    left -= passingMs(action);
    const turn = lastTurn(action);
    if (turn === undefined || turn.ms <= left) continue;
    const time = left === 0 ? "no time passes" : `at most ${durationText(left)} pass`;
    return { line, what: `node ${turn.node} ${turn.what} ${durationText(turn.ms)} after this, but ${time} behind it` };
  }
  return undefined;
}

interface Turn {
  readonly node: number;
  readonly what: string;
  /** After the command. */
  readonly ms: number;
}

function lastTurn(action: Action): Turn | undefined {
  switch (action.type) {
    case "join":
      return turn(action, "joins");
    case "leave":
      return turn(action, "leaves");
    case "crash":
      return turn(action, "crashes");
    case "restart":
      return turn(action, action.downMs === 0 ? "restarts" : "is back", action.downMs);
    default:
      return undefined;
  }
}

/** Turns are evenly spread, the first at once. */
function turn(wave: Extract<Action, { overMs: number }>, what: string, downMs = 0): Turn {
  const { nodes, overMs } = wave;
  const ms = ((nodes.length - 1) * overMs) / nodes.length + downMs;
  return { node: nodes.at(-1)!, what, ms };
}
