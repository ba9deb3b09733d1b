// Tell everybody something; ask some of them something, and gather what they answer.
//
//     npm run build && node examples/queries.mjs
import { createNode } from "hearsay";

const common = { bind: "127.0.0.1:0", profile: "local" };
const text = (bytes) => new TextDecoder().decode(bytes);

const monitor = await createNode({ ...common, name: "monitor" });
const seeds = [`127.0.0.1:${monitor.port}`];
const start = (name, role) => createNode({ ...common, name, seeds, tags: { role } });
const workers = await Promise.all([start("web-1", "web"), start("web-2", "web"), start("db-1", "database")]);

// What each of them does when it is told or asked.
const load = { "web-1": "0.71", "web-2": "0.34", "db-1": "1.20" };
const told = [];
for (const node of workers) {
  node.on("user-event", ({ name, payload }) => told.push(`${node.name} heard: ${name} ${text(payload)}`));
  node.on("query", async (query) => {
    try {
      if (query.name === "load") await query.respond(load[node.name]);
    } catch (error) {
      console.error(`${node.name} could not answer ${query.from}: ${error.message}`);
    }
  });
}
while (monitor.members().length < 4) await pause(20);

// An event reaches everybody.
await monitor.userEvent("deploy", "v2.1.7");
while (told.length < workers.length) await pause(20);
console.log(told.sort().join("\n"));

// A query goes to those whose tags match. Answers come as they are given, until the deadline.
const query = monitor.query("load", undefined, { filterTags: { role: "^web$" }, timeout: 1000 });
const answers = [];
for await (const { from, payload } of query) answers.push(`${from} ${text(payload)}`);
console.log(`load: ${answers.sort().join(", ")} (acknowledged by ${[...query.acks].sort().join(", ")})`);

// With endEarly it ends as soon as everybody that it names has answered, long before the deadline.
const began = performance.now();
const named = monitor.query("load", undefined, { filterNodes: ["db-1", "web-1"], endEarly: true, timeout: 9000 });
const loads = [];
for await (const { from, payload } of named) loads.push(`${from} ${text(payload)}`);
console.log(`all of them${performance.now() - began < 5000 ? ", early" : ""}: ${loads.sort().join(", ")}`);

// A signal ends it sooner.
try {
  for await (const _ of monitor.query("silence", undefined, { signal: AbortSignal.timeout(100) }));
} catch (error) {
  console.log(`given up: ${error.code}`);
}

await Promise.all([...workers, monitor].map((node) => node.leave()));

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
