/**
 * A pool of six serf agents becomes one of ours, an agent at a time, and goes back. Each successor takes over its
 * predecessor's name, address and snapshot. Events are sent all the while: each is handled once by everybody, also by those
 * who were being replaced when it was sent, and nobody is ever seen failed.
 *
 * An agent stops without a goodbye, as `systemctl restart` does it: a serf agent's snapshot does not count what it handles
 * while it leaves, so a successor would handle that again. And it stops when everybody has handled all that was sent until
 * then: of events a serf agent's snapshot knows the latest Lamport time only, and what is not later is taken for handled, be
 * it on its way behind a later one, or from somebody who has not heard of that yet. (In a pool of six one event in a few hundred
 * misses somebody, and comes with the next state exchange, up to a minute later.)
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Agent, all, hasSerf, type Kind, mendedMs, Pool, runCli, sleep, untilAllSee, waitFor } from "./harness.ts";

const size = 6;
/** Between two events: ms. */
const pace = 150;

describe.skipIf(!hasSerf).concurrent("six agents change over, and back", () => {
  it("without a failure, a loss or a repetition", async () => {
    const directory = await mkdtemp(join(tmpdir(), "hearsay-move-"));
    await using pool = new Pool("move");
    const places = Array.from({ length: size }, (_, i) => ({ ...pool.place("m"), index: i }));
    const options = (i: number) => ({
      name: places[i]!.name,
      address: places[i]!.address,
      flags: [
        `-event-handler=user:tick=cat >> ${directory}/$SERF_SELF_NAME`,
        `-snapshot=${directory}/${places[i]!.name}.snapshot`,
        "-rejoin",
      ],
    });
    const start = (kind: Kind, i: number, more: object = {}) =>
      kind === "serf" ? pool.serf({ ...options(i), ...more }) : pool.hearsay({ ...options(i), ...more });

    const agents: Agent[] = [await start("serf", 0)];
    for (let i = 1; i < size; i++) agents.push(await start("serf", i, { join: agents[0]! }));
    await untilAllSee(agents, all(agents), mendedMs);
    const everybody: Agent[] = [...agents];

    const handled = async (agent: Agent) => {
      const text = await readFile(join(directory, agent.name), "utf8").catch(() => "");
      return text.split("\n").filter((line) => line !== "");
    };
    let sent = 0;
    let busy: Agent | undefined;
    let trouble: unknown;
    /** Resolved, but while somebody is about to stop. */
    let quiet: Promise<void> = Promise.resolve();
    let tick: Promise<unknown> = Promise.resolve();
    const ticking = new AbortController();
    const ticker = (async () => {
      while (!ticking.signal.aborted) {
        // Asked again after the wait: somebody may have become busy in between.
        for (let seen: unknown; seen !== quiet; ) {
          seen = quiet;
          await quiet;
        }
        // Through whoever is not just leaving or coming.
        const through = agents.filter((agent) => agent !== busy)[sent % (size - 1)]!;
        tick = runCli("hearsay", ["event", "-coalesce=false", `-rpc-addr=${through.rpc}`, "tick", `${sent}`]);
        await tick;
        sent++;
        await sleep(pace);
      }
    })().catch((error: unknown) => {
      trouble = error;
    });

    for (const kind of ["hearsay", "serf"] as const) {
      for (let i = 0; i < size; i++) {
        busy = agents[i]!;
        let goOn = () => {};
        quiet = new Promise((resolve) => {
          goOn = resolve;
        });
        await tick;
        const due = Array.from({ length: sent }, (_, n) => `${n}`);
        let missing: string[] = [];
        await waitFor(
          async () => {
            missing = [];
            for (const agent of agents) {
              const has = new Set(await handled(agent));
              for (const line of due) if (!has.has(line)) missing.push(`${line} at ${agent.name} (${agent.kind})`);
            }
            return missing.length === 0;
          },
          mendedMs,
          () => `of ${sent} events are missing: ${missing}; before ${busy!.name} becomes ${kind}`,
        );
        await busy.terminate();
        goOn();
        agents[i] = await start(kind, i);
        everybody.push(agents[i]!);
        await untilAllSee(agents, all(agents), mendedMs);
        busy = undefined;
      }
    }
    ticking.abort();
    await ticker;
    expect(trouble).toBeUndefined();

    const expected = Array.from({ length: sent }, (_, i) => `${i}`);
    await waitFor(
      async () => {
        for (const agent of agents) if ((await handled(agent)).length < expected.length) return false;
        return true;
      },
      mendedMs,
      () => `not all of ${sent} events have come everywhere`,
    ).catch(() => {});
    for (const agent of agents) {
      const lines = (await handled(agent)).map(Number).sort((a, b) => a - b);
      expect(lines.map(String), `${agent.name} (${agent.kind})`).toEqual(expected);
    }
    for (const agent of everybody) {
      const failures = agent.events().filter(({ type }) => type === "member-failed");
      expect(failures, `${agent.name} (${agent.kind})`).toEqual([]);
    }
    await rm(directory, { recursive: true, force: true });
  }, 400_000);
});
