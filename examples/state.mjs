// What everybody needs to know: a member's own keys, shared keys, a counter, a mean over the pool; and what outlives a process.
//
//     npm run build && node examples/state.mjs
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode } from "hearsay";

const folder = mkdtempSync(join(tmpdir(), "hearsay-state-"));
const common = { bind: "127.0.0.1:0", profile: "local" };
const stateFile = join(folder, "web-1");

let one = await createNode({ ...common, name: "web-1", stateFile });
const two = await createNode({ ...common, name: "web-2", seeds: [`127.0.0.1:${one.port}`] });

// Each member has keys of its own; here is what the other one says about itself.
await two.state.set("load", { cpu: 0.42, jobs: 3 });
await hears(one.state, ({ member, key }) => member === "web-2" && key === "load");
console.log("load of web-2, as web-1 knows it:", one.state.of("web-2").get("load"));

// Shared keys are anyone's: the last write wins, everywhere.
await one.shared.set("feature/search", { enabled: true });
await hears(two.shared, ({ after }) => after?.enabled === true);
await two.shared.set("feature/search", { enabled: false });
await hears(one.shared, ({ after }) => after?.enabled === false);
console.log("the feature, as web-1 knows it:", one.shared.get("feature/search"));

// Counters are exact, whoever counts.
await Promise.all([one.counter("visits").add(2), two.counter("visits").add(40)]);
await until(() => one.counter("visits").value() === 42n);
console.log("visits:", one.counter("visits").value());

// A mean over the pool, without asking everybody. Rounds are short here; a second is usual.
const terms = { roundMs: 100, epochRounds: 20 };
const loads = [one.aggregate("load", () => 10, terms), two.aggregate("load", () => 30, terms)];
await until(() => loads.every((load) => Math.abs((load.read()?.mean ?? 0) - 20) < 0.1));
const { count, mean, max } = loads[0].read();
console.log(`load: mean ${mean.toFixed(1)} of ${count.toFixed(0)} members, at most ${max}`);

// Away and back: what was counted and shared is still there, even alone.
await two.leave();
await one.close();
one = await createNode({ ...common, name: "web-1", stateFile });
console.log("after the restart:", one.counter("visits").value(), one.shared.get("feature/search"));
await one.close();
rmSync(folder, { recursive: true });

/** Waits for a change like this; one that has been is as good. */
async function hears(keys, wanted) {
  for await (const change of keys.watch("", { initial: true })) if (wanted(change)) return;
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}
