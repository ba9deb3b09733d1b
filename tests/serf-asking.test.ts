/** What nodes of a pool say and ask of their own, and what comes back, in spite of loss. */
import type { QueryWish, SerfEvent } from "@hearsay/serf";
import { encodeUtf8 } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { key, ring } from "../packages/serf/src/testing/ring.ts";
import { eventsOf, type SerfNode, SerfPool } from "./serf-pool.ts";

/** Everybody answers every query with its name. */
function answering(pool: SerfPool): void {
  const { onEvent } = pool.world;
  pool.world.onEvent = (node, event, now) => {
    onEvent?.(node, event, now);
    if (event.type !== "query") return;
    pool.world.act(node, (serf, at) => serf.respond(event.lTime, event.id, encodeUtf8(serf.name), at));
  };
}

function ask(pool: SerfPool, node: SerfNode, wish: QueryWish) {
  return pool.world.act(node, (serf, now) => serf.query(wish, now));
}

/** Who is heard of in the events of this kind. */
function heard(node: SerfNode, type: "query-ack" | "query-response", handle: number): string[] {
  return eventsOf(node, type)
    .filter((event) => event.handle === handle)
    .map(({ from }) => from);
}

const web = (i: number) => ({ tags: { role: i % 2 === 0 ? "web" : "db" } });
const webNames = (count: number) => Array.from({ length: count }, (_, i) => `n${i + 1}`).filter((_, i) => i % 2 === 1);

describe("a query to half of thirty, with one packet in five lost", () => {
  const queries = 12;

  function run(relayFactor: number) {
    const pool = new SerfPool({ seed: 31, loss: 0.2 });
    const nodes = pool.build(30, web);
    answering(pool);
    const asker = nodes[6]!;
    let acks = 0;
    let responses = 0;
    for (let i = 0; i < queries; i++) {
      const wish = { name: `q${i}`, payload: null, filterTags: { role: "^w.b$" }, requestAck: true, relayFactor };
      const { handle, deadline } = ask(pool, asker, wish);
      pool.world.run(6500);
      expect(deadline).toBeLessThan(pool.world.now);
      expect(eventsOf(asker, "query-done").at(-1)?.handle).toBe(handle);
      for (const type of ["query-ack", "query-response"] as const) {
        const names = heard(asker, type, handle);
        // Each once, and only of those it was for.
        expect(new Set(names).size).toBe(names.length);
        expect(webNames(30)).toEqual(expect.arrayContaining(names));
        if (type === "query-ack") acks += names.length;
        else responses += names.length;
      }
    }
    for (const node of nodes) {
      const times = eventsOf(node, "query").map(({ lTime }) => lTime);
      expect(new Set(times).size).toBe(times.length);
    }
    return { acks, responses, asker };
  }

  it("is answered by all, with three relays each", () => {
    // Lost with its copies: 0.2 * 0.36^3 of the answers, one or two of 180.
    const { acks, responses, asker } = run(3);
    expect(responses).toBeGreaterThanOrEqual(15 * queries - 5);
    expect(acks).toBeGreaterThanOrEqual(15 * queries - 5);
    expect(asker.machine.swim.counters.drops["serf-surplus-response"]).toBeUndefined();
  });

  it("is answered by four in five, without", () => {
    const { acks, responses } = run(0);
    for (const count of [acks, responses]) {
      expect(count).toBeGreaterThan(0.65 * 15 * queries);
      expect(count).toBeLessThan(0.92 * 15 * queries);
    }
  });
});

describe("a pool of ten", () => {
  it("hears what each says, once", () => {
    const pool = new SerfPool({ seed: 32 });
    const nodes = pool.build(10);
    for (const [i, node] of nodes.entries()) {
      pool.world.act(node, (serf, now) => serf.userEvent("deploy", encodeUtf8(`v${i}`), i % 2 === 0, now));
      if (i % 3 === 0) pool.world.run(30);
    }
    pool.world.run(60_000);
    const told = (node: SerfNode) =>
      eventsOf(node, "user-event")
        .map(({ name, payload, coalesce }) => `${name} ${payload?.join()} ${coalesce}`)
        .sort();
    expect(new Set(told(nodes[0]!)).size).toBe(10);
    for (const node of nodes) expect(told(node)).toEqual(told(nodes[0]!));
    const { eventTime } = nodes[0]!.machine.stats();
    for (const node of nodes) expect(node.machine.stats()).toMatchObject({ eventTime, eventQueue: 0 });
  });

  it("ends a query as soon as all have answered, when that was wished for", () => {
    const pool = new SerfPool({ seed: 33 });
    const nodes = pool.build(10);
    answering(pool);
    const before = pool.world.now;
    ask(pool, nodes[3]!, { name: "load", payload: null, endEarly: true, timeoutMs: 60_000 });
    const done = () => eventsOf(nodes[3]!, "query-done").length > 0;
    expect(pool.world.runUntil(done, 10_000)).toBeLessThan(3000);
    expect(pool.world.now - before).toBeLessThan(3000);
    expect(eventsOf(nodes[3]!, "query-response")).toHaveLength(10);
  });

  it("answers many askers at once, each its own", () => {
    const pool = new SerfPool({ seed: 34 });
    const nodes = pool.build(10);
    answering(pool);
    const handles = nodes.map((node) => ask(pool, node, { name: "load", payload: null, requestAck: true }).handle);
    pool.world.run(7000);
    for (const [i, node] of nodes.entries()) {
      expect(heard(node, "query-ack", handles[i]!)).toHaveLength(10);
      expect(heard(node, "query-response", handles[i]!)).toHaveLength(10);
    }
  });

  it("changes its keys, and says who did not answer", () => {
    const rings = new Map<string, ReturnType<typeof ring>>();
    const pool = new SerfPool({
      seed: 35,
      machine: (options) => {
        const keyring = ring(1);
        rings.set(options.name, keyring);
        return { ...options, keyring };
      },
    });
    const nodes = pool.build(10);
    const turn = (operation: "install" | "use" | "remove" | "list", n?: number) => {
      const from = nodes[0]!;
      const known = eventsOf(from, "key-result").length;
      pool.world.act(from, (serf, now) => serf.keys(operation, n === undefined ? undefined : key(n), now));
      pool.world.runUntil(() => eventsOf(from, "key-result").length > known, 10_000);
      return eventsOf(from, "key-result").at(-1)!.result;
    };
    expect(turn("install", 2)).toMatchObject({ nodes: 10, responses: 10, errors: 0, error: "", silent: [] });

    // Its process is gone, and nobody knows yet.
    pool.world.crash(nodes[9]!, { host: true });
    const late = turn("use", 2);
    expect(late).toMatchObject({ nodes: 10, responses: 9, errors: 0, error: "9/10 nodes reported success" });
    expect(late.silent).toEqual(["n10"]);

    pool.world.run(60_000);
    expect(nodes[0]!.machine.member("n10")?.status).toBe("failed");
    expect(turn("remove", 1)).toMatchObject({ nodes: 9, responses: 9, error: "", silent: [] });
    const { keys, primaryKeys } = turn("list");
    expect([[...keys.values()], [...primaryKeys.values()]]).toEqual([[9], [9]]);
    for (const [name, { keys: held }] of rings) expect(held()).toEqual(name === "n10" ? [key(1), key(2)] : [key(2)]);
    // Nobody takes the primary away, which would have left the pool without a key in common.
    expect(turn("remove", 2)).toMatchObject({ errors: 9, error: "9/9 nodes reported failure" });
  });
});

describe("two processes of one name", () => {
  const votes = (node: SerfNode) =>
    eventsOf(node, "name-vote").map(({ responses, matching, keep }) => ({ responses, matching, keep }));

  it("ask the pool, which is for the one it has known", () => {
    const pool = new SerfPool({ seed: 36 });
    const nodes = pool.build(6);
    const second = pool.add("n3", { host: 99 });
    pool.join(second, nodes[0]!);
    pool.world.run(60_000);
    const [other] = votes(second);
    expect(other).toMatchObject({ matching: 0, keep: false });
    expect(other!.responses).toBeGreaterThanOrEqual(3);
    // The first may not even hear of it: nobody passes such a claim on.
    for (const vote of votes(nodes[2]!)) expect(vote).toMatchObject({ matching: vote.responses, keep: true });
    // Those with other names have nothing to vote on.
    for (const node of nodes) if (node !== nodes[2]) expect(votes(node)).toEqual([]);
  });

  it("with nobody to ask stay both, instead of stopping each other as with Serf", () => {
    const pool = new SerfPool({ seed: 37 });
    const [first, second] = [pool.add("n3"), pool.add("n3", { host: 99 })];
    pool.join(second, first);
    pool.world.run(60_000);
    const all: SerfEvent["type"][] = [...first.events, ...second.events].map(({ event }) => event.type);
    expect(all).toContain("name-vote");
    for (const vote of [...votes(first), ...votes(second)])
      expect(vote).toEqual({ responses: 0, matching: 0, keep: true });
  });
});
