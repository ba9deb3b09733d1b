/**
 * The simulator against the world: twenty nodes on real loopback sockets and twenty machines in virtual time live through
 * the same scenario and tell the same story, event by event at each node.
 *
 * The scenario goes on when everybody has seen what happened last, so that a node's events are one list in one order and
 * the lists are compared whole. Chance has a say in two places only, and there the comparison is as strict as it can be:
 *
 * - Who joins at the same time is learned in any order: the joins are compared as sets, each member once. So is what a
 *   newcomer learns of the pool with its first exchange, which comes in the order of the teller's shuffled ring.
 * - Whether a node hears of a suspicion before the death it ends in is a race between two pieces of gossip, and on a busy
 *   machine a healthy member may be suspected for a moment. Suspicions, which are not among Serf's member events, are
 *   therefore taken out of the lists; but nobody fails without having been suspected, and who was suspected wrongly
 *   stays.
 */
import { localConfig, type SwimConfig } from "@hearsay/core";
import { createNode, type HearsayNode, type MemberEventType } from "@hearsay/node";
import type { Tags } from "@hearsay/serf";
import { type SerfNode, SerfPool } from "@hearsay/sim";
import { expect, it } from "vitest";
import { until } from "../packages/node/src/testing/fake-machine.ts";

const size = 20;
const [seed, retagged, leaver, victim] = [0, 3, 5, 7];

/**
 * Between the local profile and a busy machine's patience: a death is known in two to three seconds. News is sent so often
 * that nobody misses any (e^-12 of those who wait for it), and no periodic exchange falls into the scenario: a graceful
 * leave is two pieces of gossip, and whoever hears the detector's before Serf's, or of the leaving member in a state
 * exchange between the two, calls it failed at first.
 */
const config: Partial<SwimConfig> = {
  probeIntervalMs: 400,
  probeTimeoutMs: 200,
  suspicionMult: 4,
  gossipIntervalMs: 40,
  retransmitMult: 6,
  settleIntervalMs: 200,
  pushPullIntervalMs: 0,
};

const nameOf = (index: number) => `node-${String(index).padStart(2, "0")}`;
const tagsOf = (index: number): Tags => ({ role: index === seed ? "seed" : "web", rank: String(index) });

interface View {
  readonly status: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Where the story is played: on sockets, or in a world. */
interface Stage {
  /** A new process under a number; after its end, another one at the same address. Its events are recorded from here on. */
  start(index: number): Promise<void>;
  join(indices: readonly number[]): Promise<void>;
  /** Says goodbye, then ends. */
  leave(index: number): Promise<void>;
  /** Ends without a word. */
  stop(index: number): Promise<void>;
  setTags(index: number, tags: Tags): Promise<void>;
  view(viewer: number, subject: number): View | undefined;
  /** Waits until something holds. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Waits until nobody has anything left to say or to ask. */
  rest(): Promise<void>;
  /** Events of all processes ever started: `type name`. */
  readonly logs: Map<string, string[]>;
  end(): Promise<void>;
}

interface Story {
  /** What each learned while all joined: sorted. */
  readonly joins: Record<string, string[]>;
  /** What each saw after that, in order; of a newcomer, what follows its first look. */
  readonly after: Record<string, string[]>;
  /** What the newcomer saw at its first look: sorted. */
  readonly firstLook: string[];
  /** Who was suspected by anybody. */
  readonly suspected: ReadonlySet<string>;
}

async function tell(stage: Stage): Promise<Story> {
  const all = Array.from({ length: size }, (_, i) => i);
  const everybodySees = (viewers: readonly number[], subject: number, holds: (view: View | undefined) => boolean) =>
    viewers.every((viewer) => holds(stage.view(viewer, subject)));
  const suspected = new Set<string>();
  const taken = new Map<string, number>();
  /** What each process has seen since the last time, without suspicions. */
  const sinceLast = () => {
    const entries = [...stage.logs].map(([process, log]): [string, string[]] => {
      const lines = log.slice(taken.get(process) ?? 0);
      taken.set(process, log.length);
      for (const line of lines) if (line.startsWith("member-suspect ")) suspected.add(line.split(" ")[1]!);
      return [process, lines.filter((line) => !/^member-(suspect|refuted) /.test(line))];
    });
    return Object.fromEntries(entries);
  };

  for (const index of all) await stage.start(index);
  await stage.join(all.filter((index) => index !== seed));
  const isAlive = (view: View | undefined) => view?.status === "alive";
  await stage.until("all to see all", () => all.every((subject) => everybodySees(all, subject, isAlive)));
  await stage.rest();
  const joins = sinceLast();
  for (const lines of Object.values(joins)) lines.sort();

  const remaining = all.filter((index) => index !== leaver);
  await stage.leave(leaver);
  await stage.until("the goodbye", () => everybodySees(remaining, leaver, (view) => view?.status === "left"));

  const survivors = remaining.filter((index) => index !== victim);
  await stage.stop(victim);
  await stage.until("the death", () => everybodySees(survivors, victim, (view) => view?.status === "failed"));

  await stage.start(victim);
  await stage.join([victim]);
  const whole = () =>
    everybodySees(remaining, victim, isAlive) && remaining.every((i) => isAlive(stage.view(victim, i)));
  await stage.until("the return", whole);
  const newcomer = stage.logs.get(`${nameOf(victim)} again`)!;
  const firstLook = newcomer.splice(0).filter((line) => !/^member-(suspect|refuted) /.test(line));

  const tags = { role: "db", rank: "3" };
  await stage.setTags(retagged, tags);
  await stage.until("new tags", () => everybodySees(remaining, retagged, (view) => view?.tags.role === "db"));
  return { joins, after: sinceLast(), firstLook: firstLook.sort(), suspected };
}

function simulated(seedNumber: number): Stage {
  const pool = new SerfPool({
    seed: seedNumber,
    size,
    config: { ...localConfig, ...config },
    network: { latency: { kind: "lognormal", medianMs: 0.05, sigma: 0.5 } },
  });
  const { world } = pool;
  const logs = new Map<string, string[]>();
  const current = new Map<SerfNode, string[]>();
  world.onEvent = (node, event) => {
    if ("member" in event && event.type !== "ping-complete")
      current.get(node)?.push(`${event.type} ${event.member.name}`);
  };
  const node = (index: number) => pool.nodes[index]!;
  const wait = (what: string, holds: () => boolean) => {
    if (world.runUntil(holds, 60_000) === undefined) throw new Error(`waited in vain for ${what}`);
  };
  return {
    logs,
    async start(index) {
      const known = pool.nodes[index];
      if (known) {
        current.delete(known);
        pool.restart(known);
      } else pool.add({ tags: tagsOf(index) });
      const log: string[] = [];
      current.set(node(index), log);
      logs.set(processName(logs, index), log);
    },
    async join(indices) {
      for (const index of indices) pool.join(node(index), node(seed));
    },
    async leave(index) {
      pool.leave(node(index));
      wait("the end of the leave", () => node(index).machine.inspect().leavePhase === "done");
      world.crash(node(index));
    },
    async stop(index) {
      world.crash(node(index));
    },
    async setTags(index, tags) {
      pool.setTags(node(index), tags);
    },
    view: (viewer, subject) => node(viewer).machine.member(nameOf(subject)),
    async until(what, holds) {
      wait(what, holds);
    },
    async rest() {
      world.run(3000);
    },
    async end() {},
  };
}

const eventTypes: readonly MemberEventType[] = [
  "member-join",
  "member-leave",
  "member-failed",
  "member-update",
  "member-reap",
  "member-suspect",
  "member-refuted",
];

function real(): Stage {
  const nodes: HearsayNode[] = [];
  const logs = new Map<string, string[]>();
  const at = (node: HearsayNode) => `${node.address}:${node.port}`;
  return {
    logs,
    async start(index) {
      const former = nodes[index];
      const node = await createNode({
        name: nameOf(index),
        bind: former ? at(former) : "127.0.0.1:0",
        profile: "local",
        tags: tagsOf(index),
        config,
      });
      nodes[index] = node;
      const log: string[] = [];
      logs.set(processName(logs, index), log);
      for (const type of eventTypes) node.on(type, (member) => log.push(`${type} ${member.name}`));
    },
    async join(indices) {
      const results = await Promise.all(indices.map((index) => nodes[index]!.join([at(nodes[seed]!)])));
      for (const { failures } of results) expect(failures).toEqual([]);
    },
    leave: (index) => nodes[index]!.leave(),
    stop: (index) => nodes[index]!.close(),
    setTags: (index, tags) => nodes[index]!.setTags(tags),
    view: (viewer, subject) => nodes[viewer]!.member(nameOf(subject)),
    until: (what, holds) => until(holds, what, 15_000),
    async rest() {
      let before = "";
      let since = 0;
      const isQuiet = () => {
        const stats = nodes.map((node) => node.stats());
        const streams = stats.map(({ streamsSent, streamsReceived }) => `${streamsSent} ${streamsReceived}`).join();
        if (streams !== before || stats.some(({ memberQueue, intentQueue }) => memberQueue + intentQueue > 0)) {
          before = streams;
          since = performance.now();
        }
        // An exchange that is still to come after the joins comes within two settle intervals.
        return performance.now() - since > 500;
      };
      await until(isQuiet, "quiet", 15_000);
    },
    async end() {
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}

function processName(logs: ReadonlyMap<string, unknown>, index: number): string {
  const name = nameOf(index);
  return logs.has(name) ? `${name} again` : name;
}

async function played(stage: Stage): Promise<Story> {
  try {
    return await tell(stage);
  } finally {
    await stage.end();
  }
}

it("a simulated and a real loopback cluster of 20 tell the same story", async () => {
  const stories = [await played(real())];
  for (const seedNumber of [1, 2, 3]) stories.push(await played(simulated(seedNumber)));

  const others = Array.from({ length: size }, (_, i) => nameOf(i));
  const joinsOf = (names: readonly string[]) => names.map((name) => `member-join ${name}`);
  const leave = `member-leave ${nameOf(leaver)}`;
  const failed = `member-failed ${nameOf(victim)}`;
  const back = `member-join ${nameOf(victim)}`;
  const update = `member-update ${nameOf(retagged)}`;
  const expected = {
    joins: Object.fromEntries(others.map((name) => [name, joinsOf(others.filter((other) => other !== name))])),
    after: {
      ...Object.fromEntries(others.map((name) => [name, [leave, failed, back, update]])),
      [nameOf(leaver)]: [leave],
      [nameOf(victim)]: [leave],
      [`${nameOf(victim)} again`]: [update],
    },
    firstLook: joinsOf(others.filter((name) => name !== nameOf(leaver) && name !== nameOf(victim))),
  };
  for (const { suspected, ...story } of stories) {
    expect(story).toEqual(expected);
    expect(suspected).toContain(nameOf(victim));
  }
  // In a world without loss nobody else ever is.
  for (const { suspected } of stories.slice(1)) expect([...suspected]).toEqual([nameOf(victim)]);
});
