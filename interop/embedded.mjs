// @ts-check
/**
 * A program with a node inside, for the suites: takes createNode's options as JSON, prints one JSON line for each event,
 * and blocks its main thread when told (`block MS` on standard input).
 */
import { createInterface } from "node:readline";
import { createNode } from "hearsay";

const node = await createNode(JSON.parse(process.argv[2] ?? "{}"));
/** @param {object} line */
const print = (line) => console.log(JSON.stringify(line));
const types = /** @type {const} */ ([
  "member-join",
  "member-leave",
  "member-failed",
  "member-update",
  "member-suspect",
  "member-refuted",
]);
for (const type of types) node.on(type, (member) => print({ type, member: member.name }));
for (const type of /** @type {const} */ (["isolated", "reconnected"])) node.on(type, () => print({ type }));
print({ type: "ready" });

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ms] = line.split(" ");
  if (word !== "block") continue;
  print({ type: "blocked" });
  const end = Date.now() + Number(ms);
  while (Date.now() < end);
  print({ type: "unblocked" });
}
await node.close();
