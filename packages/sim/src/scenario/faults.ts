/** What a scenario does to its pool: every action that is over at once, or goes on by itself while time passes. */
import type { Pool } from "./pool.ts";
import type { Outcome } from "./result.ts";
import type { Action, NodeSet, Repeat, Way } from "./scenario.ts";
import { nodesText } from "./syntax.ts";

type Fault = Exclude<Action, { type: "warm" | "advance" | "until" | "expect" | "broadcast" | "members" | "traffic" }>;

export function applyFault(pool: Pool, action: Fault): Outcome {
  switch (action.type) {
    case "network":
      pool.network.set(action.conditions);
      return nothing;
    case "zone":
      for (const node of action.nodes) pool.setZone(node, action.zone);
      return nothing;
    case "join":
      return spread(pool, action.nodes, action.overMs, (node) => pool.join(node, action.via));
    case "leave":
      return ofRunning(pool, action.nodes, (nodes) => spread(pool, nodes, action.overMs, (node) => pool.leave(node)));
    case "crash":
      return ofRunning(pool, action.nodes, (nodes) =>
        spread(pool, nodes, action.overMs, (node) => pool.crash(node, action.host)),
      );
    case "restart":
      return restart(pool, action);
    case "partition":
      pool.partition(action.groups);
      return ofThere(pool, action.groups.flat());
    case "cut":
      eachWay(pool, action.way, (from, to) => pool.network.cut(from, to));
      return ofThere(pool, ends(action.way));
    case "mend":
      eachWay(pool, action.way, (from, to) => pool.network.mend(from, to));
      return ofThere(pool, ends(action.way));
    case "link-loss":
      eachWay(pool, action.way, (from, to) => pool.network.setLinkLoss(from, to, action.loss));
      return ofThere(pool, ends(action.way));
    case "node-loss":
      for (const node of action.nodes) {
        const place = pool.place(node);
        if (place === undefined) continue;
        if (action.inward) place.ingressLoss = action.loss;
        else place.egressLoss = action.loss;
      }
      pool.network.uneven();
      return ofThere(pool, action.nodes);
    case "flip":
      flip(pool, action.way, action.repeat, action.downMs);
      return nothing;
    case "heal":
      pool.heal();
      return nothing;
    case "stall":
      return ofRunning(pool, action.nodes, (nodes) =>
        again(pool, action.repeat, () => {
          for (const node of nodes) pool.stall(node, action.ms);
        }),
      );
    case "block":
      return ofRunning(pool, action.nodes, (nodes) =>
        again(pool, action.repeat, () => {
          for (const node of nodes) pool.block(node, action.ms);
        }),
      );
    case "clock":
      for (const node of action.nodes) pool.shiftClock(node, action.ms);
      return ofThere(pool, action.nodes);
    case "meta":
      return ofRunning(pool, action.nodes, (nodes) => {
        for (const node of nodes) pool.setMeta(node, action.text);
        return nothing;
      });
    case "tags":
      return ofRunning(pool, action.nodes, (nodes) => {
        for (const node of nodes) pool.setTags(node, action.tags);
        return nothing;
      });
    case "health":
      return ofRunning(pool, action.nodes, (nodes) => {
        for (const node of nodes) pool.setHealthy(node, action.healthy);
        return nothing;
      });
  }
}

const nothing: Outcome = { lines: [] };

function restart(pool: Pool, { nodes, overMs, downMs, memory }: Extract<Fault, { type: "restart" }>): Outcome {
  spread(pool, nodes, overMs, (node) => {
    if (downMs === 0) pool.restart(node, memory);
    else {
      pool.crash(node, false);
      pool.changeAt(pool.now + downMs, () => pool.restart(node, memory));
    }
  });
  // By its turn in a wave a node may have joined.
  return ofThere(pool, overMs === 0 ? nodes : []);
}

/** A line about those that do not run: nothing happens to them. */
function ofRunning(pool: Pool, nodes: NodeSet, run: (nodes: NodeSet) => Outcome): Outcome {
  const living = nodes.filter((node) => pool.runs(node));
  const before = new Set(living);
  const { lines } = run(living);
  if (living.length === nodes.length) return { lines };
  const others = nodes.filter((node) => !before.has(node));
  return { lines: [...lines, notRunning(others)] };
}

/** A line about those that have not joined, in a wave that is still under way: nothing has happened to them. */
function ofThere(pool: Pool, nodes: NodeSet): Outcome {
  const missing = nodes.filter((node) => pool.place(node) === undefined).sort((a, b) => a - b);
  if (missing.length === 0) return nothing;
  return { lines: [`${nodesText(missing)} ${missing.length === 1 ? "has" : "have"} not joined yet`] };
}

/** Each node once. */
function ends({ from, to }: Way): NodeSet {
  return [...new Set([...from, ...to])];
}

export function notRunning(nodes: NodeSet): string {
  return `${nodesText(nodes)} ${nodes.length === 1 ? "does" : "do"} not run`;
}

/** One after another, evenly over a time; the first at once. */
function spread(pool: Pool, nodes: NodeSet, overMs: number, run: (node: number) => void): Outcome {
  const start = pool.now;
  for (const [i, node] of nodes.entries()) {
    if (overMs === 0 || i === 0) run(node);
    else pool.changeAt(start + (i * overMs) / nodes.length, () => run(node));
  }
  return nothing;
}

function again(pool: Pool, repeat: Repeat | undefined, run: () => void): Outcome {
  run();
  if (repeat !== undefined) {
    const start = pool.now;
    for (let at = repeat.everyMs; at < repeat.forMs; at += repeat.everyMs) pool.at(start + at, run);
  }
  return nothing;
}

type Place = NonNullable<ReturnType<Pool["place"]>>;

function eachWay(pool: Pool, way: Way, run: (from: Place, to: Place) => void): void {
  for (const one of way.from) {
    for (const other of way.to) {
      const from = pool.place(one);
      const to = pool.place(other);
      if (from === undefined || to === undefined || from === to) continue;
      run(from, to);
      if (way.both) run(to, from);
    }
  }
}

function flip(pool: Pool, way: Way, repeat: Repeat, downMs: number): void {
  const { heals } = pool;
  const set = (cut: boolean) => {
    // Healing has ended it.
    if (pool.heals !== heals) return;
    eachWay(pool, way, (from, to) => (cut ? pool.network.cut(from, to) : pool.network.mend(from, to)));
  };
  again(pool, repeat, () => {
    set(true);
    pool.at(pool.now + downMs, () => set(false));
  });
}
