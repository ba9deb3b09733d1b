/** Commands that let time pass, ask questions and show things. */
import { type Form, nodesThere, nodeThere, type Reading } from "./form.ts";
import { type Condition, seenStates } from "./scenario.ts";
import type { Words } from "./syntax.ts";

export const conditionUsage =
  "agreed | heard [by NODES] | STATE NODES | NODES see COUNT STATE | NODES see node NODES STATE | no false deaths";

export const checkForms: readonly Form[] = [
  {
    name: "advance",
    usage: "advance TIME",
    about: "Lets time pass.",
    parse: (words) => ({ type: "advance", ms: words.duration("TIME", 1) }),
  },
  {
    name: "until",
    usage: "until CONDITION within TIME",
    about: "Lets time pass until something holds; fails when it does not in that time.",
    parse: (words, reading) => {
      const found = condition(words, reading);
      words.need("within");
      return { type: "until", condition: found, withinMs: words.duration("within", 1) };
    },
  },
  {
    name: "expect",
    usage: "expect CONDITION",
    about: "Fails when something does not hold now.",
    parse: (words, reading) => ({ type: "expect", condition: condition(words, reading) }),
  },
  {
    name: "members",
    usage: "members NODE",
    about: "Shows a node's member list.",
    parse: (words, reading) => ({ type: "members", node: nodeThere(words, reading) }),
  },
  {
    name: "traffic",
    usage: "traffic",
    about: "Shows what a node sent since the last time it was asked: mean and most.",
    parse: () => ({ type: "traffic" }),
  },
];

function condition(words: Words, reading: Reading): Condition {
  if (words.take("agreed")) return { type: "agreed" };
  if (words.take("heard")) {
    if (reading.broadcasts === 0) throw words.wrong("nothing was broadcast before this line");
    return { type: "heard", by: words.take("by") ? nodesThere(words, reading) : undefined };
  }
  if (words.take("no")) {
    words.need("false");
    words.need("deaths");
    return { type: "no-false-deaths" };
  }
  for (const state of seenStates) {
    if (words.take(state)) return { type: "state", state, about: nodesThere(words, reading) };
  }
  if (!/^(all|\d[\d.,]*)$/.test(words.ahead)) {
    if (words.ended) throw words.wrong(`a condition is missing: ${conditionUsage}`);
    throw words.wrong(`"${words.ahead}" is no condition: ${conditionUsage}`);
  }
  const who = nodesThere(words, reading);
  words.need("see");
  if (words.take("node") || words.take("nodes")) {
    const about = nodesThere(words, reading);
    return { type: "sees", who, about, state: words.choice("STATE", seenStates) };
  }
  const count = words.integer("COUNT", 0, reading.size);
  return { type: "counts", who, count, state: words.choice("STATE", seenStates) };
}
