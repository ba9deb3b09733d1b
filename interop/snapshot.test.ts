/** Snapshots cross over: what `serf agent -snapshot` has written we read, and what we have written it reads. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSnapshot } from "../packages/node/src/snapshot/snapshot.ts";
import { eventHash } from "../packages/serf/src/index.ts";
import {
  type Agent,
  all,
  hasSerf,
  type Kind,
  mendedMs,
  Pool,
  runCli,
  serfMembers,
  sleep,
  untilAllSee,
  waitFor,
} from "./harness.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-interop-snapshot-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newPath = (name: string) => join(folder, name);

/** The three clocks of an agent. A snapshot has the last time seen, one less. */
async function clocksOf(agent: Agent) {
  const info = JSON.parse(await runCli("serf", ["info", "-format=json", `-rpc-addr=${agent.rpc}`]));
  const { member_time, event_time, query_time } = info.serf;
  return { memberTime: Number(member_time), eventTime: Number(event_time), queryTime: Number(query_time) };
}

/** Ends without a goodbye, but with what is in the buffers written. */
async function terminate(agent: Agent): Promise<void> {
  process.kill(agent.pid, "SIGTERM");
  await agent.exited;
}

const event = (at: Agent, name: string) => runCli("serf", ["event", `-rpc-addr=${at.rpc}`, name]);
const handled = (agent: Agent, name: string) => agent.output.includes(`Received event: user-event: ${name}`);

describe.skipIf(!hasSerf).concurrent("the file", () => {
  it("written by serf is read by us: members that stay, leave and fail, and all three clocks", async () => {
    const path = newPath("by-serf");
    await using pool = new Pool("snap");
    const keeper = await pool.serf({ flags: [`-snapshot=${path}`] });
    const spaced = await pool.serf({ name: `${pool.place("x").name} with spaces`, join: keeper });
    const leaver = await pool.serf({ join: keeper });
    const failing = await pool.serf({ join: keeper });
    await untilAllSee([keeper], all(pool.agents), mendedMs);
    for (const name of ["one", "two", "three"]) await event(spaced, name);
    await runCli("serf", ["query", "-timeout=1s", `-rpc-addr=${spaced.rpc}`, "anybody"]);
    await waitFor(() => handled(keeper, "three"), 10_000);
    await leaver.leave();
    await failing.kill();
    const statuses = { ...all([keeper, spaced]), [leaver.name]: "left", [failing.name]: "failed" };
    await untilAllSee([keeper], statuses, 60_000);
    const clocks = await clocksOf(keeper);
    await terminate(keeper);

    const snapshot = await openSnapshot(path, { rejoinAfterLeave: false });
    await snapshot.close();
    const members = [keeper, spaced].map(({ name, address, port }) => ({ name, address, port }));
    expect(snapshot.restored.members).toEqual(members);
    expect(snapshot.restored.clocks).toEqual({
      memberTime: clocks.memberTime - 1,
      eventTime: clocks.eventTime - 1,
      queryTime: clocks.queryTime - 1,
    });
    expect(snapshot.restored.clocks!.eventTime).toBeGreaterThanOrEqual(3);
  });

  it("with serf's goodbye is empty, and full for whoever joins again", async () => {
    const path = newPath("goodbye");
    await using pool = new Pool("bye");
    const seed = await pool.serf();
    const leaver = await pool.serf({ join: seed, flags: [`-snapshot=${path}`] });
    await event(leaver, "one");
    await untilAllSee([leaver], all(pool.agents), mendedMs);
    await leaver.leave();
    expect(readFileSync(path, "utf8")).toContain("\nleave\n");

    const plain = await openSnapshot(path, { rejoinAfterLeave: false });
    await plain.close();
    expect(plain.restored.members).toEqual([]);
    expect(plain.restored.clocks?.eventTime ?? 0).toBe(0);
    const again = await openSnapshot(path, { rejoinAfterLeave: true });
    await again.close();
    expect(again.restored.members.map(({ name }) => name).sort()).toEqual([seed.name, leaver.name].sort());
    expect(again.restored.clocks!.eventTime).toBeGreaterThan(0);
  });

  it("written by us is read by serf: it rejoins, its clocks go on, and old events are not told again", async () => {
    const path = newPath("by-us");
    await using pool = new Pool("ours");
    const seed = await pool.serf();
    for (const name of ["old-1", "old-2", "old-3"]) await event(seed, name);
    const before = await clocksOf(seed);
    const own = pool.place("serf");

    // Written anew many times over, cut off in the middle of a line, and mended.
    const options = { rejoinAfterLeave: false, compactAtBytes: 300 };
    const first = await openSnapshot(path, options);
    for (let port = 1; port < 100; port++) {
      first.alive("gone and back", "127.0.0.1", port);
      if (port % 5 === 0) await first.flush();
    }
    first.notAlive("gone and back");
    first.alive(own.name, own.address, 7946);
    first.alive(`${seed.name} as it was called`, seed.address, seed.port);
    const lastSeen = before.eventTime - 1;
    for (let time = 1; time <= lastSeen; time++) first.seenEvent(time, eventHash(`old-${time}`, null));
    first.clocks({ memberTime: 40, eventTime: lastSeen, queryTime: 60, eventsFrom: 0 });
    await first.close();
    writeFileSync(path, "clock: 9", { flag: "a" });
    const second = await openSnapshot(path, options);
    second.clocks({ memberTime: 41, eventTime: 0, queryTime: 0, eventsFrom: 0 });
    await second.close();
    const ours = readFileSync(path, "utf8");
    expect(ours).toContain(`\n# seen-range: 0 ${lastSeen}\n`);
    expect(ours.match(/^# seen-event: /gm)).toHaveLength(lastSeen);

    const reader = await pool.serf({ ...own, flags: [`-snapshot=${path}`] });
    await untilAllSee([reader, seed], all(pool.agents), mendedMs);
    const after = await clocksOf(reader);
    expect(after.memberTime).toBeGreaterThanOrEqual(42);
    expect(after.eventTime).toBe(before.eventTime);
    expect(after.queryTime).toBe(61);
    await event(seed, "new-1");
    await waitFor(() => handled(reader, "new-1"), 15_000);
    expect(["old-1", "old-2", "old-3"].filter((name) => handled(reader, name))).toEqual([]);
    // The lines that are only ours are comments to it: a line that it does not know, it complains about.
    expect(reader.output).not.toMatch(/snapshot line|Failed to (?:parse|convert)/i);
    await terminate(reader);
    const grown = readFileSync(path, "utf8");
    expect(grown.startsWith(ours)).toBe(true);
    // It has seen an event of which nothing but the time is known: we do not rely on what we had written.
    const third = await openSnapshot(path, options);
    await third.close();
    expect(third.restored.seenEvents).toBeUndefined();
    expect(third.restored.clocks!.eventTime).toBe(before.eventTime);
  });

  it("of ours is in doubt once serf had it, though no event came", async () => {
    const path = newPath("visited");
    await using pool = new Pool("visited");
    const seed = await pool.serf();
    const own = pool.place("serf");
    const options = { rejoinAfterLeave: false };
    const first = await openSnapshot(path, options);
    first.alive(own.name, own.address, 7946);
    first.alive(seed.name, seed.address, seed.port);
    first.seenEvent(2, eventHash("e", null));
    first.clocks({ memberTime: 40, eventTime: 2, queryTime: 0, eventsFrom: 1 });
    await first.close();
    const before = await openSnapshot(path, options);
    await before.close();
    expect(before.restored.seenEvents).toMatchObject({ fromTime: 1 });

    const visitor = await pool.serf({ ...own, flags: [`-snapshot=${path}`] });
    await untilAllSee([visitor, seed], all(pool.agents), mendedMs);
    await terminate(visitor);
    const later = await openSnapshot(path, options);
    await later.close();
    expect(later.restored.clocks!.eventTime).toBe(2);
    expect(later.restored.seenEvents).toBeUndefined();
  });
});

describe.skipIf(!hasSerf).concurrent("an agent that starts again", () => {
  const crossings: readonly (readonly [Kind, Kind])[] = [
    ["hearsay", "hearsay"],
    ["serf", "hearsay"],
    ["hearsay", "serf"],
  ];

  it.each(crossings)("killed as %s and started as %s finds its pool by the file alone", async (was, becomes) => {
    const path = newPath(`killed-${was}-${becomes}`);
    await using pool = new Pool(`again-${was}-${becomes}`);
    const seeds = [await pool.serf(), await pool.hearsay()];
    await runCli("serf", ["join", `-rpc-addr=${seeds[0]!.rpc}`, seeds[1]!.gossip]);
    const flags = [`-snapshot=${path}`];
    const own = pool.place(was);
    const first = await pool[was]({ ...own, join: seeds[0]!, flags });
    await untilAllSee(pool.agents, all(pool.agents), mendedMs);
    await event(seeds[0]!, "old-event");
    await waitFor(() => handled(first, "old-event"), 15_000);
    // Serf writes a line out only with the next one that comes half a second later.
    await sleep(700);
    await event(seeds[0]!, "another");
    await waitFor(() => handled(first, "another"), 15_000);
    await sleep(700);
    await first.kill();
    pool.agents.splice(pool.agents.indexOf(first), 1);

    const second = await pool[becomes]({ ...own, flags });
    await untilAllSee(pool.agents, all(pool.agents), mendedMs);
    expect(handled(second, "old-event")).toBe(false);
    await event(seeds[1]!, "new-event");
    await waitFor(() => handled(second, "new-event"), 15_000);
  });

  it.each(crossings)("having left as %s, %s stays alone, or joins again with -rejoin", async (was, becomes) => {
    const path = newPath(`left-${was}-${becomes}`);
    await using pool = new Pool(`left-${was}-${becomes}`);
    const seed = await pool.serf();
    const own = pool.place(was);
    const flags = [`-snapshot=${path}`];
    const first = await pool[was]({ ...own, join: seed, flags });
    await untilAllSee(pool.agents, all(pool.agents), mendedMs);
    await first.leave();
    const file = readFileSync(path);

    const alone = await pool[becomes]({ ...own, flags });
    await sleep(3000);
    expect(await serfMembers(alone)).toHaveLength(1);
    await alone.kill();

    writeFileSync(path, file);
    const again = await pool[becomes]({ ...own, flags: [...flags, "-rejoin"] });
    await untilAllSee([again, seed], all([again, seed]), mendedMs);
  });
});
