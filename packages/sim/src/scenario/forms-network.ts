/** Commands about the network between the nodes. */
import type { Latency } from "../latency.ts";
import { type Form, nodesThere, type Reading } from "./form.ts";
import type { Action, NodeSet, Repeat, Way } from "./scenario.ts";
import type { Words } from "./syntax.ts";

export const networkForms: readonly Form[] = [
  {
    name: "latency",
    usage:
      "latency constant TIME | latency uniform TIME TIME | latency lognormal MEDIAN SIGMA | latency zones SIGMA TIME... | TIME...",
    about: "How long packets are under way; `zones` has a row of medians from each zone to each.",
    parse: (words, { zones }) => {
      const found = latency(words);
      const wrong = zones.latency(found.kind === "zones" ? found.medianMs.length : undefined);
      if (wrong !== undefined) throw words.wrong(wrong);
      return { type: "network", conditions: { latency: found } };
    },
  },
  {
    name: "zone",
    usage: "zone NODES NUMBER",
    about: "Puts nodes in a zone, for `latency zones`. All begin in zone 0.",
    parse: (words, { size, zones, line }) => {
      const nodes = words.nodes("NODES", size);
      const zone = words.integer("NUMBER", 0, 99);
      const wrong = zones.place(nodes, zone, line);
      if (wrong !== undefined) throw words.wrong(wrong);
      return { type: "zone", nodes, zone };
    },
  },
  {
    name: "loss",
    usage: "loss SHARE|off | loss into|from NODES SHARE|off | loss NODES >|<> NODES SHARE|off",
    about: "Loses packets: anywhere, at some nodes in one direction, or on single ways.",
    parse: loss,
  },
  {
    name: "bursts",
    usage: "bursts every TIME for TIME losing SHARE | bursts off",
    about: "Loses packets in bursts, at each node by itself; pauses and lengths are means.",
    parse: (words) => {
      if (words.take("off")) return { type: "network", conditions: { bursts: undefined } };
      words.need("every");
      const everyMs = words.duration("every", 1);
      words.need("for");
      const lengthMs = words.duration("for", 1);
      words.need("losing");
      return { type: "network", conditions: { bursts: { everyMs, lengthMs, loss: words.share("losing") } } };
    },
  },
  {
    name: "duplicates",
    usage: "duplicates SHARE|off",
    about: "Lets packets arrive twice.",
    parse: (words) => ({ type: "network", conditions: { duplicates: shareOrOff(words, "duplicates") } }),
  },
  {
    name: "reorder",
    usage: "reorder SHARE by TIME | reorder off",
    about: "Delays packets by up to so much more, so that later ones overtake them.",
    parse: (words) => {
      if (words.take("off")) return { type: "network", conditions: { reorder: undefined } };
      const share = words.share("reorder");
      words.need("by");
      return { type: "network", conditions: { reorder: { share, ms: words.duration("by", 1) } } };
    },
  },
  {
    name: "bandwidth",
    usage: "bandwidth BYTES/s queue BYTES | bandwidth off",
    about: "What each node can send, and how much may wait for that.",
    parse: (words) => {
      if (words.take("off")) return { type: "network", conditions: { bandwidth: undefined } };
      const bytesPerSecond = words.bytes("bandwidth", "/s");
      words.need("queue");
      return { type: "network", conditions: { bandwidth: { bytesPerSecond, queueBytes: words.bytes("queue") } } };
    },
  },
  {
    name: "partition",
    usage: "partition NODES | NODES ...",
    about: "Only nodes of one group reach each other; those named in none are a group of their own.",
    parse: (words, reading) => {
      const groups = [nodesThere(words, reading)];
      while (words.take("|")) groups.push(nodesThere(words, reading));
      const all = groups.flat();
      const twice = all.find((node, i) => all.indexOf(node) !== i);
      if (twice !== undefined) throw words.wrong(`node ${twice} is in two groups`);
      return { type: "partition", groups };
    },
  },
  {
    name: "cut",
    usage: "cut NODES >|<> NODES",
    about: "Cuts ways, in one direction or both.",
    parse: (words, reading) => {
      const found = way(words, reading);
      reading.cuts.push(found);
      return { type: "cut", way: found };
    },
  },
  {
    name: "mend",
    usage: "mend NODES >|<> NODES",
    about: "Mends what `cut` cut.",
    parse: (words, reading) => {
      const found = way(words, reading);
      if (!reading.cuts.some((cut) => overlap(cut, found))) {
        throw words.wrong("nothing was cut there before this line; heal mends partitions");
      }
      return { type: "mend", way: found };
    },
  },
  {
    name: "flip",
    usage: "flip NODES [>|<> NODES] every TIME [down TIME] for TIME",
    about: "Ways that come and go: cut for half of each period (or `down`), of the nodes to everybody or only these.",
    parse: flip,
  },
  {
    name: "heal",
    usage: "heal",
    about: "Mends partitions, cuts, flips, and loss at nodes and on ways. What holds for all packets stays.",
    parse: (_, reading) => {
      reading.cuts = [];
      return { type: "heal" };
    },
  },
];

function latency(words: Words): Latency {
  const kind = words.choice("latency", ["constant", "uniform", "lognormal", "zones"]);
  // Nothing is faster than this, and a day would be a slip.
  const time = (what: string) => words.duration(what, 0.001, 60_000);
  switch (kind) {
    case "constant":
      return { kind, ms: time("TIME") };
    case "uniform": {
      const minMs = time("TIME");
      const maxMs = time("TIME");
      if (maxMs < minMs) throw words.wrong("latency uniform: the shorter time comes first");
      return { kind, minMs, maxMs };
    }
    case "lognormal":
      return { kind, medianMs: time("MEDIAN"), sigma: words.number("SIGMA", 0, 3) };
    case "zones": {
      const sigma = words.number("SIGMA", 0, 3);
      const rows: number[][] = [[]];
      while (!words.ended) {
        if (words.take("|")) rows.push([]);
        else rows.at(-1)!.push(time("TIME"));
      }
      if (rows.some((row) => row.length !== rows.length)) {
        throw words.wrong(`latency zones: as many times in each row as there are rows, ${rows.length}`);
      }
      return { kind, medianMs: rows, sigma };
    }
  }
}

function loss(words: Words, reading: Reading): Action {
  const inward = words.ahead === "into";
  if (words.take("into") || words.take("from")) {
    const nodes = nodesThere(words, reading);
    return { type: "node-loss", nodes, inward, loss: shareOrOff(words, "loss") };
  }
  const isWay = words.lookahead(1) === ">" || words.lookahead(1) === "<>";
  if (!isWay) return { type: "network", conditions: { loss: shareOrOff(words, "loss") } };
  return { type: "link-loss", way: way(words, reading), loss: shareOrOff(words, "loss") };
}

function flip(words: Words, reading: Reading): Action {
  const from = nodesThere(words, reading);
  const inside = new Set(from);
  const single = words.ahead === ">" || words.ahead === "<>";
  const others = Array.from({ length: reading.size }, (_, i) => i).filter((i) => !inside.has(i));
  const line: Way = single ? wayTo(words, reading, from) : { from, to: others, both: true };
  words.need("every");
  const everyMs = words.duration("every", 10);
  const downMs = words.take("down") ? words.duration("down", 1, everyMs) : everyMs / 2;
  const repeat: Repeat = { everyMs, forMs: forTime(words, everyMs) };
  reading.cuts.push(line);
  return { type: "flip", way: line, repeat, downMs };
}

function way(words: Words, reading: Reading): Way {
  return wayTo(words, reading, nodesThere(words, reading));
}

function wayTo(words: Words, reading: Reading, from: Way["from"]): Way {
  const both = words.take("<>");
  if (!both) words.need(">");
  return { from, to: nodesThere(words, reading), both };
}

/** @param everyMs how long the first time lasts: what is over before that does not happen again and again. */
export function forTime(words: Words, everyMs: number): number {
  words.need("for");
  return words.duration("for", everyMs);
}

/** Whether some way is in both. */
function overlap(one: Way, other: Way): boolean {
  return directions(one).some((a) => directions(other).some((b) => meet(a.from, b.from) && meet(a.to, b.to)));
}

function directions({ from, to, both }: Way): readonly Pick<Way, "from" | "to">[] {
  return both
    ? [
        { from, to },
        { from: to, to: from },
      ]
    : [{ from, to }];
}

function meet(some: NodeSet, others: NodeSet): boolean {
  const known = new Set(some);
  return others.some((node) => known.has(node));
}

function shareOrOff(words: Words, what: string): number {
  return words.take("off") ? 0 : words.share(what);
}
