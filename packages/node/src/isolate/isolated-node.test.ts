/**
 * Runs against the built package, in a process of its own: a worker needs a file to load, and blocking the main thread
 * is the point. Without a build the suite says so and is skipped.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const run = promisify(execFile);

/** Runs a program with `createNode` and helpers at hand; what it returns comes back. */
async function inProcess(body: string): Promise<unknown> {
  const program = `
    import { createNode } from ${JSON.stringify(built)};
    const fast = { probeIntervalMs: 200, probeTimeoutMs: 80, gossipIntervalMs: 20, suspicionMult: 2, settleIntervalMs: 100 };
    const start = (name, seeds, more) =>
      createNode({ name, bind: "127.0.0.1:0", seeds: seeds.map((n) => n.address + ":" + n.port), profile: "local",
        config: fast, isolate: true, ...more });
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (condition, ms = 8000) => {
      for (const end = Date.now() + ms; !condition(); await sleep(5)) if (Date.now() > end) throw new Error("timed out: " + condition);
    };
    const code = (promise) => promise.then(() => "resolved", (error) => error.code);
    const result = await (async () => { ${body} })();
    console.log(JSON.stringify(result));
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { timeout: 25_000 });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

describe.skipIf(!existsSync(built))("isolated (built package)", () => {
  test("the same interface: members, tags, join, events, why, stats, leave; the process ends by itself", async () => {
    const result = await inProcess(`
      const a = await start("a", []);
      const events = [];
      for (const type of ["member-join", "member-update", "member-leave", "member-failed"])
        a.on(type, (member) => events.push(type + " " + member.name + " " + (a.member(member.name)?.status)));
      const b = await start("b", [a], { tags: { role: "web" } });
      const c = await start("c", [a]);
      await until(() => [a, b, c].every((node) => node.members().length === 3));
      await b.setTags({ role: "db" });
      const own = b.local().tags.role;
      await until(() => a.member("b").tags.role === "db");
      const since = a.member("b").since instanceof Date;
      const bad = await code(b.setTags({ big: "x".repeat(600) }));
      const join = await a.join(["127.0.0.1:1", "1.2.3"]);
      await c.close();
      await until(() => a.member("c").status === "failed");
      const why = a.why("c");
      await b.leave();
      await until(() => a.member("b").status === "left");
      const after = [await code(b.setTags({})), await code(c.join([])), await code(b.leave())];
      const { packetsSent, members } = a.stats();
      await a.close();
      return { events, own, since, bad, join, summary: why.summary, dated: why.evidence.every((one) => one.time instanceof Date),
        after, sent: packetsSent > 0, members };
    `);
    expect(result).toMatchObject({
      own: "db",
      since: true,
      bad: "TAGS_TOO_LARGE",
      join: { contacted: 0, failures: expect.arrayContaining([expect.objectContaining({ address: "1.2.3" })]) },
      summary: expect.stringMatching(/^failed at/),
      dated: true,
      after: ["LEFT", "CLOSED", "resolved"],
      sent: true,
      members: 3,
    });
    const { events } = result as { events: string[] };
    expect(events).toEqual(
      expect.arrayContaining([
        "member-join b alive",
        "member-join c alive",
        "member-update b alive",
        "member-failed c failed",
      ]),
    );
  });

  test("a blocked main thread is not found failed and accuses nobody", async () => {
    const result = await inProcess(`
      const a = await start("a", []);
      const b = await start("b", [a]);
      const c = await start("c", [a]);
      await until(() => [a, b, c].every((node) => node.members().length === 3));
      await sleep(200);
      const events = [];
      for (const node of [a, b, c])
        for (const type of ["member-suspect", "member-failed", "member-leave", "member-refuted"])
          node.on(type, (member) => events.push(type + " " + member.name));
      const before = a.stats().packetsReceived;
      for (const end = Date.now() + 3000; Date.now() < end; );
      const during = a.stats().packetsReceived - before;
      await sleep(300);
      await Promise.all([a.close(), b.close(), c.close()]);
      return { events, answered: during > 5 };
    `);
    expect(result).toEqual({ events: [], answered: true });
  });

  test("a worker that dies is an error event; calls under way are rejected, and the process can end", async () => {
    const result = await inProcess(`
      const { Worker } = await import("node:worker_threads");
      const { postMessage } = Worker.prototype;
      let worker;
      Worker.prototype.postMessage = function (...args) { worker = this; return postMessage.apply(this, args); };
      const a = await start("a", []);
      const failed = new Promise((resolve) => a.on("error", resolve));
      const silent = (await import("node:net")).createServer(() => {}).listen(0, "127.0.0.1");
      await until(() => silent.listening);
      const call = code(a.join(["127.0.0.1:" + silent.address().port]));
      const query = a.query("load", undefined, { timeout: 20000, acks: false });
      await query.started;
      const reading = code((async () => { for await (const _ of query); })());
      await worker.terminate();
      const error = await failed;
      silent.close();
      return { code: error.code, call: await call, reading: await reading, later: await code(a.setTags({})), members: a.members().length };
    `);
    expect(result).toEqual({
      code: "WORKER_FAILED",
      call: "WORKER_FAILED",
      reading: "WORKER_FAILED",
      later: "CLOSED",
      members: 1,
    });
  });

  test("what fails at the start is one clear error; signals and closing cut calls short", async () => {
    const result = await inProcess(`
      const a = await start("a", []);
      const taken = await code(start("b", [], { bind: "127.0.0.1:" + a.port }));
      const aborted = await code(start("b", [], { signal: AbortSignal.abort() }));
      const silent = (await import("node:net")).createServer(() => {}).listen(0, "127.0.0.1");
      await until(() => silent.listening);
      const target = "127.0.0.1:" + silent.address().port;
      const cut = await code(a.join([target], { signal: AbortSignal.timeout(50) }));
      const joining = code(a.join([target]));
      const reading = (async () => { for await (const _ of a.events()); return "ended"; })();
      await a.close();
      silent.close();
      return { taken, aborted, cut, closed: await joining, reading: await reading };
    `);
    expect(result).toEqual({
      taken: "ADDRESS_IN_USE",
      aborted: "ABORTED",
      cut: "ABORTED",
      closed: "CLOSED",
      reading: "ended",
    });
  });
});
