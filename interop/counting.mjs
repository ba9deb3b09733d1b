// @ts-check
/**
 * A program with a node inside that counts and writes, for `state-cluster.test.ts`: adds 1 to a counter until its own
 * contribution is `goal`, and writes a shared key now and then. It may be killed at any time; a new process under its
 * name goes on from what its state file knows. Prints one JSON line for each shared write that was acknowledged, and answers
 * questions on standard input: `look` prints what this node knows.
 */
import { createInterface } from "node:readline";
import { createNode } from "hearsay";

const { options, goal, writeEvery } = JSON.parse(process.argv[2] ?? "{}");
const node = await createNode(options);
/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  if (line !== "look") return;
  const shared = Object.fromEntries(node.shared.entries().map(({ key, value }) => [key, value]));
  const { members, alive } = node.stats();
  print({ type: "look", value: String(node.counter("adds").value()), shared, members, alive });
});

const counter = node.counter("adds");
let mine = Number(counter.contribution());
print({ type: "ready", mine });
// Adds under way together: each is acknowledged by itself.
const width = 20;
while (mine < goal) {
  const count = Math.min(width, goal - mine);
  await Promise.all(Array.from({ length: count }, () => counter.add(1)));
  mine += count;
  if (mine % writeEvery < width) {
    await node.shared.set(`at-${node.name}`, mine);
    print({ type: "wrote", value: mine });
  }
  // Packets are read between turns of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
}
print({ type: "done", mine });
