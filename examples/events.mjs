// Who is up, as a stream of events with an AbortSignal; and a set of workers that follows the pool.
//
//     npm run build && node examples/events.mjs
import { createNode } from "hearsay";

const common = { bind: "127.0.0.1:0", profile: "local" };
const scheduler = await createNode({ ...common, name: "scheduler" });
const seeds = [`127.0.0.1:${scheduler.port}`];

/** The workers that jobs can go to. Start from the members there are, then follow the events. */
const workers = new Map();
const note = (member) => {
  const usable = member.status === "alive" && member.state === "alive" && member.tags.role === "worker";
  if (usable) workers.set(member.name, `${member.address}:${member.port}`);
  else workers.delete(member.name);
};

const stop = new AbortController();
const following = (async () => {
  const events = scheduler.events({ signal: stop.signal });
  for (const member of scheduler.members()) note(member);
  for await (const { type, member, time, dropped } of events) {
    if (dropped > 0) for (const one of scheduler.members()) note(one); // We were slow: look at everybody again.
    note(member);
    const clock = time.toISOString().slice(11, 23);
    console.log(
      `${clock} ${type.padEnd(14)} ${member.name.padEnd(9)} workers: ${[...workers.keys()].join(" ") || "-"}`,
    );
  }
})();

const start = (name) => createNode({ ...common, name, seeds, tags: { role: "worker" } });
const [one, two, three] = await Promise.all([start("worker-1"), start("worker-2"), start("worker-3")]);
await pause(500);

// A worker that wants no more jobs says so with a tag: the pool knows within a second or so.
await one.setTags({ role: "draining" });
await pause(300);
await one.leave();

// A worker that vanishes: suspected first (no more jobs), then failed.
await two.close();
await new Promise((resolve) => scheduler.once("member-failed", resolve));
await pause(100);

stop.abort();
await following;
await three.leave();
await scheduler.close();

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
