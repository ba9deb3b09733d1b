/** Commands about what happens to nodes. */
import { encodeTags, maxTagBytes } from "@hearsay/serf";
import { encodeUtf8 } from "@hearsay/wire";
import { type Form, nodesThere, nodeThere, over, type Reading } from "./form.ts";
import { forTime } from "./forms-network.ts";
import type { Action, NodeSet, Repeat } from "./scenario.ts";
import type { Words } from "./syntax.ts";

/** Most bytes of a broadcast: it has to fit a packet with room for others. */
const maxBroadcastBytes = 512;

export const nodeForms: readonly Form[] = [
  {
    name: "warm",
    usage: "warm [NODES]",
    about: "Begins converged: these nodes (all) know each other already. Serf's nodes join before the clock starts.",
    parse: (words, reading) => {
      if (reading.there.size > 0) throw words.wrong("warm comes before any join, once");
      const nodes = words.ended ? absent(reading) : words.nodes("NODES", reading.size);
      enter(reading, nodes);
      return { type: "warm", nodes };
    },
  },
  {
    name: "join",
    usage: "join [NODES] [over TIME] [via NODE]",
    about: "New nodes join, at once or in a wave, through a node (the first that they reach).",
    parse: (words, reading) => {
      const named = /^(all|\d[\d.,]*)$/.test(words.ahead);
      const nodes = named ? words.nodes("NODES", reading.size) : absent(reading);
      const present = nodes.find((node) => reading.there.has(node));
      if (present !== undefined) throw words.wrong(`node ${present} is there already; restart brings one back`);
      if (nodes.length === 0) throw words.wrong("all nodes are there already; restart brings one back");
      // `join 1s`, for short.
      const overMs = /^\d/.test(words.ahead) ? words.duration("over") : over(words);
      const via = words.take("via") ? nodeThere(words, reading, "via") : undefined;
      enter(reading, nodes);
      return { type: "join", nodes, overMs, via };
    },
  },
  {
    name: "leave",
    usage: "leave NODES [over TIME]",
    about: "Nodes say goodbye; each process ends when its leave has spread.",
    parse: (words, reading) => ({ type: "leave", nodes: nodesThere(words, reading), overMs: over(words) }),
  },
  {
    name: "crash",
    usage: "crash [host] NODES [over TIME]",
    about: "Processes end without a word; with `host`, their addresses do not even refuse connections.",
    parse: (words, reading) => {
      const host = words.take("host");
      return { type: "crash", host, nodes: nodesThere(words, reading), overMs: over(words) };
    },
  },
  {
    name: "restart",
    usage: "restart NODES [with memory] [over TIME] [down TIME]",
    about:
      "New processes under the old names and addresses, each down for so long; they join again, from nothing or from what they knew.",
    parse: (words, reading) => {
      const nodes = nodesThere(words, reading);
      const memory = words.take("with");
      if (memory) words.need("memory");
      const overMs = over(words);
      const downMs = words.take("down") ? words.duration("down") : 0;
      return { type: "restart", nodes, memory, overMs, downMs };
    },
  },
  {
    name: "stall",
    usage: "stall NODES TIME [every TIME for TIME]",
    about: "The whole process stands still: its timers are late, its socket holds what comes.",
    parse: (words, reading) => pause("stall", words, reading),
  },
  {
    name: "block",
    usage: "block NODES TIME [every TIME for TIME]",
    about: "Messages wait, in and out, while timers go on: the slow processing of Lifeguard's experiments.",
    parse: (words, reading) => pause("block", words, reading),
  },
  {
    name: "clock",
    usage: "clock NODES +TIME|-TIME",
    about: "The nodes' clocks jump; one that was set back stands still until it is right again.",
    parse: (words, reading) => {
      const nodes = nodesThere(words, reading);
      const sign = /^[+-]/.exec(words.ahead)?.[0];
      if (sign === undefined) throw words.wrong(`+TIME or -TIME expected, not "${words.ahead}": ${words.usage}`);
      return { type: "clock", nodes, ms: (sign === "-" ? -1 : 1) * words.signed("clock") };
    },
  },
  {
    name: "meta",
    usage: "meta NODES TEXT",
    about: "New meta for nodes of a raw pool.",
    parse: (words, reading) => {
      if (reading.layer !== "memberlist") throw words.wrong("meta is for layer memberlist; Serf's nodes have tags");
      const nodes = nodesThere(words, reading);
      return { type: "meta", nodes, text: limited(words, words.rest("TEXT"), 512) };
    },
  },
  {
    name: "tags",
    usage: "tags NODES KEY=VALUE...",
    about: "New tags for Serf's nodes, in place of the old ones.",
    parse: (words, reading) => {
      if (reading.layer !== "serf") throw words.wrong("tags are for layer serf; a raw pool's nodes have meta");
      const nodes = nodesThere(words, reading);
      const tags: Record<string, string> = Object.fromEntries(
        words
          .rest("KEY=VALUE")
          .split(/\s+/)
          .map((word) => {
            const at = word.indexOf("=");
            if (at < 1) throw words.wrong(`KEY=VALUE expected, not "${word}"`);
            return [word.slice(0, at), word.slice(at + 1)];
          }),
      );
      try {
        encodeTags(tags);
      } catch {
        throw words.wrong(`tags: at most ${maxTagBytes} bytes altogether`);
      }
      return { type: "tags", nodes, tags };
    },
  },
  {
    name: "unhealthy",
    usage: "unhealthy NODES",
    about: "Nodes answer no probes, as a failing health check makes them.",
    parse: (words, reading) => ({ type: "health", nodes: nodesThere(words, reading), healthy: false }),
  },
  {
    name: "healthy",
    usage: "healthy NODES",
    about: "They answer again.",
    parse: (words, reading) => ({ type: "health", nodes: nodesThere(words, reading), healthy: true }),
  },
  {
    name: "broadcast",
    usage: "broadcast from NODE [TEXT]",
    about: "A message for everybody: a user message of a raw pool, a user event of Serf's.",
    parse: (words, reading) => {
      words.need("from");
      const from = nodeThere(words, reading);
      reading.broadcasts++;
      const text = words.ended ? `message ${reading.broadcasts}` : words.rest("TEXT");
      return { type: "broadcast", from, text: limited(words, text, maxBroadcastBytes) };
    },
  },
];

function pause(type: "stall" | "block", words: Words, reading: Reading): Action {
  const nodes = nodesThere(words, reading);
  const ms = words.duration("TIME", 1);
  let repeat: Repeat | undefined;
  if (words.take("every")) {
    const everyMs = words.duration("every", 10);
    repeat = { everyMs, forMs: forTime(words, everyMs) };
  }
  return { type, nodes, ms, repeat };
}

function absent(reading: Reading): NodeSet {
  return Array.from({ length: reading.size }, (_, i) => i).filter((i) => !reading.there.has(i));
}

function enter(reading: Reading, nodes: NodeSet): void {
  for (const node of nodes) reading.there.add(node);
}

function limited(words: Words, text: string, bytes: number): string {
  if (encodeUtf8(text).length > bytes) throw words.wrong(`TEXT: at most ${bytes} bytes`);
  return text;
}
