/**
 * Each command that Serf has too, by both command lines at the same real agents: the same output and exit codes. What
 * differs on purpose is said where it is compared: errors go to standard error here, and events are shown for people.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Agent,
  all,
  hasSerf,
  type Kind,
  launch,
  Pool,
  program,
  runCli,
  sees,
  serfMembers,
  sleep,
  untilAllSee,
  waitFor,
} from "./harness.ts";

const first = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";
const second = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

interface Outcome {
  readonly code: number | null;
  /** Latin-1, so that bytes can be compared. */
  readonly out: string;
  readonly err: string;
}

/** A command to its end, or until `signal` is sent `afterMs` later. */
function run(cli: Kind, args: readonly string[], interruptAfterMs?: number): Promise<Outcome> {
  const child = launch([...program(cli), ...args]);
  let [out, err] = ["", ""];
  child.stdout!.setEncoding("latin1").on("data", (text: string) => (out += text));
  child.stderr!.setEncoding("latin1").on("data", (text: string) => (err += text));
  child.stdin!.end();
  if (interruptAfterMs !== undefined) setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

/** Acks and answers come in any order. */
const ordered = (text: string) => text.split("\n").sort().join("\n");

describe.skipIf(!hasSerf)("the same from both command lines", () => {
  const pool = new Pool("commands");
  let a: Agent;
  let b: Agent;
  beforeAll(async () => {
    const handlers = ["load=echo load of $SERF_SELF_NAME", "lines=printf 'a\\n\\n'", "bytes=printf '\\033[1m\\377\\t'"];
    const flags = handlers.map((handler) => `-event-handler=query:${handler}`);
    a = await pool.serf({ encrypt: first, tags: { role: "web" }, flags });
    b = await pool.serf({ encrypt: first, tags: { role: "db" }, flags, join: a });
    await untilAllSee([a, b], all([a, b]), 10_000);
  });
  afterAll(() => pool[Symbol.asyncDispose]());

  /** One after the other, at agent `a`. */
  async function both(command: string, ...args: readonly string[]): Promise<Record<Kind, Outcome>> {
    const line = [command, `-rpc-addr=${a.rpc}`, ...args];
    return { serf: await run("serf", line), hearsay: await run("hearsay", line) };
  }

  /** The same at once, where one does not disturb the other. */
  async function together(command: string, ...args: readonly string[]): Promise<Record<Kind, Outcome>> {
    const line = [command, `-rpc-addr=${a.rpc}`, ...args];
    const [serf, hearsay] = await Promise.all([run("serf", line), run("hearsay", line)]);
    return { serf, hearsay };
  }

  test.each([
    [["deploy"], 'deploy. Coalesced: true. Payload: ""'],
    [["deploy", "a b\n"], 'deploy. Coalesced: true. Payload: "a b\\n"'],
    [["-coalesce=false", "deploy", "é"], 'deploy. Coalesced: false. Payload: "é"'],
    [["--coalesce=true", "deploy"], 'deploy. Coalesced: true. Payload: ""'],
    // Serf's flags end at the first argument, so these are payloads.
    [["deploy", "-5"], 'deploy. Coalesced: true. Payload: "-5"'],
    [["deploy", "-coalesce=false"], 'deploy. Coalesced: true. Payload: "-coalesce=false"'],
  ])("event %j", async (args, told) => {
    const before = a.output.length;
    const { serf, hearsay } = await both("event", ...args);
    expect(hearsay).toEqual(serf);
    expect(hearsay.code).toBe(0);
    const requests = () => a.output.slice(before).match(/Requesting user event send: .*/g) ?? [];
    await waitFor(() => requests().length === 2, 5000);
    expect(requests()).toEqual([`Requesting user event send: ${told}`, `Requesting user event send: ${told}`]);
  });

  test.each([
    [["load"]],
    [["load", "payload"]],
    [["-no-ack", "-timeout=1s", "load"]],
    [["-timeout", "1s", "lines"]],
    [["-tag=role=w", "-timeout", "400ms", "bytes"]],
    [["-tag", "role=w", "--tag=none=^$", "-timeout=400ms", "load"]],
    [["-tag", "role=nobody", "-timeout=300ms", "load"]],
    [["-relay-factor=1", "-timeout=500ms", "load"]],
    [["-timeout=300ms", "nobody-handles-this"]],
  ])("query %j", async (args) => {
    const { serf, hearsay } = await together("query", ...args);
    expect(ordered(hearsay.out)).toBe(ordered(serf.out));
    expect(hearsay).toMatchObject({ code: 0, err: "" });
  });

  test("query as JSON", async () => {
    for (const args of [["load"], ["-no-ack", "load"], ["-no-ack", "nothing"], ["lines"]]) {
      const { serf, hearsay } = await together("query", "-format=json", "-timeout=1s", ...args);
      const read = ({ out }: Outcome) => {
        const { Acks, Responses, ...more } = JSON.parse(out) as { Acks: string[] | null; Responses: object };
        return { Acks: Acks && [...Acks].sort(), Responses, more };
      };
      expect(read(hearsay)).toEqual(read(serf));
    }
    // Byte for byte where there is but one order.
    const { serf, hearsay } = await together("query", `-node=${b.name}`, "-format", "json", "load");
    expect(hearsay).toEqual(serf);
  });

  test("query, broken off: with what has come", async () => {
    const { code, out } = await run("hearsay", ["query", `-rpc-addr=${a.rpc}`, "load"], 1500);
    expect(code).toBe(130);
    expect(out).toMatch(/\nTotal Acks: 2\nTotal Responses: 2\n$/);
  });

  test("keys: list, install, use, remove", async () => {
    const list = async () => {
      const { serf, hearsay } = await both("keys", "-list");
      expect(ordered(hearsay.out)).toBe(ordered(serf.out));
      return hearsay.out;
    };
    expect(await list()).toContain(`\n${first}  [2/2]\n`);
    for (const args of [
      ["-install", second],
      [`-use=${second}`],
      ["--remove", first],
      ["-install", first],
      ["-use", first],
      ["-remove", second],
    ]) {
      const { serf, hearsay } = await both("keys", ...args);
      expect(hearsay, args.join(" ")).toEqual(serf);
      expect(hearsay.code).toBe(0);
      await list();
    }
    expect(await list()).toBe(
      `==> Asking all members for installed keys...\n==> Keys gathered, listing cluster keys...\n\n${first}  [2/2]\n`,
    );
  });

  test("keys: what goes wrong", async () => {
    for (const args of [["-remove", first], ["-use", second], ["-install=YWJj"], ["-install=%"]]) {
      const { serf, hearsay } = await both("keys", ...args);
      expect([hearsay.code, serf.code]).toEqual([1, 1]);
      // The same lines but for an empty one, in two streams.
      expect(ordered(hearsay.out + hearsay.err)).toBe(ordered(serf.out.replace("\n\n", "\n")));
      expect(hearsay.err).toMatch(/^(failed: .*\nfailed: .*\n)?Error .*\n$/);
    }
  });

  test("tags", async () => {
    const tags = async () => (await serfMembers(b)).find(({ name }) => name === a.name)?.tags;
    const change = ["-set", "x=1", "-set=y=a=b", "--delete", "role", "-delete=unknown"];
    const { serf, hearsay } = await both("tags", ...change);
    expect(hearsay).toEqual(serf);
    const expected = { x: "1", y: "a=b" };
    await waitFor(
      async () =>
        JSON.stringify(Object.entries((await tags()) ?? {}).sort()) === JSON.stringify(Object.entries(expected)),
      10_000,
    );
    expect((await both("tags", "-set=role=web", "-delete=x", "-delete=y")).hearsay.code).toBe(0);
  });

  test("rtt", async () => {
    // The places move with every probe: the same estimate twice shows that both reckon alike.
    let last = "";
    await waitFor(
      async () => {
        const { serf, hearsay } = await both("rtt", a.name, b.name);
        last = JSON.stringify({ serf, hearsay });
        return serf.code === 0 && JSON.stringify(serf) === JSON.stringify(hearsay);
      },
      20_000,
      () => last,
    );
    expect(await run("hearsay", ["rtt", b.name, `-rpc-addr=${a.rpc}`])).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^Estimated ${b.name} <-> ${a.name} rtt: \\d+\\.\\d{3} ms\\n$`)),
    });
  });

  test("info", async () => {
    for (const args of [[], ["-format=json"]]) {
      // Queues empty themselves meanwhile, and goroutines come and go.
      const steady = (text: string) => text.replace(/(goroutines\D+)\d+/, "$1");
      let seen = { ours: "", theirs: "" };
      await waitFor(
        async () => {
          const { serf, hearsay } = await both("info", ...args);
          seen = { ours: steady(hearsay.out), theirs: steady(serf.out) };
          return seen.ours === seen.theirs;
        },
        20_000,
        () => JSON.stringify(seen),
      );
      expect(seen.ours).toContain(a.name);
    }
  });

  test("the environment tells where the agent is", async () => {
    process.env.SERF_RPC_ADDR = a.rpc;
    try {
      expect(await runCli("hearsay", ["event", "deploy"])).toBe(await runCli("serf", ["event", "deploy"]));
    } finally {
      delete process.env.SERF_RPC_ADDR;
    }
  });

  test.each([
    ["event", []],
    ["event", ["a", "b", "c"]],
    ["event", ["a", "x".repeat(600)]],
    ["query", []],
    ["query", ["_serf_install-key"]],
    ["query", ["-timeout=5", "x"]],
    ["query", ["-relay-factor=256", "x"]],
    ["query", ["-tag=x", "x"]],
    ["query", ["-format=xml", "x"]],
    ["keys", []],
    ["keys", ["-list", `-use=${first}`]],
    ["monitor", ["-log-level=nope"]],
    ["rtt", []],
    ["rtt", ["nobody"]],
    ["tags", []],
    ["tags", ["-set=x"]],
    ["tags", ["-set", "x=".padEnd(600, "y")]],
  ])("refused by both: %s %j", async (command, args) => {
    const { serf, hearsay } = await both(command, ...args);
    expect([hearsay.code, serf.code]).toEqual([1, 1]);
    expect(hearsay.out).toBe("");
    // One line, where Serf prints its usage as well.
    expect(hearsay.err).toMatch(/^.+\n$/);
    if (/^Error [a-z]/.test(serf.out)) expect(hearsay.err).toBe(serf.out);
  });

  test("monitor: the same log, the same events", async () => {
    const line = ["monitor", `-rpc-addr=${a.rpc}`, "-log-level=debug"];
    const watching = (["serf", "hearsay"] as const).map((cli) => run(cli, line, 7000));
    await sleep(2500);
    const start = new Date();
    await run("serf", ["event", `-rpc-addr=${b.rpc}`, "-coalesce=false", "shown", 'v"1']);
    await run("serf", ["query", `-rpc-addr=${b.rpc}`, "-timeout=200ms", "load"]);
    await run("serf", ["tags", `-rpc-addr=${b.rpc}`, `-set=t=${start.getTime()}`]);
    const [serf, hearsay] = await Promise.all(watching);
    expect(hearsay).toMatchObject({ code: 0, err: "" });
    expect(serf!.code).toBe(0);
    const isEvent = (text: string) => /^(\t|Event Info:)/.test(text);
    // Not from the beginning: what of the agent's last lines each has seen depends on when it came.
    const log = (text: string) => {
      const rows = text.split("\n").filter((row) => !isEvent(row) && !row.includes("Accepted client"));
      return rows.slice(rows.findIndex((row) => row.endsWith("messageUserEventType: shown")));
    };
    expect(log(serf!.out).length).toBeGreaterThan(5);
    expect(log(hearsay!.out)).toEqual(log(serf!.out));
    const blocks = (text: string) =>
      text
        .split("\n")
        .filter(isEvent)
        .join("\n")
        .split("Event Info:\n")
        .slice(1)
        .map((block) => [...block.matchAll(/^\t(\w+):/gm)].map(([, field]) => field!).sort());
    expect(blocks(hearsay!.out)).toEqual(blocks(serf!.out));
    for (const fields of [
      /^\tEvent: "user"\n\tLTime: \d+\n\tName: "shown"\n\tPayload: "v\\"1"\n\tCoalesce: false$/m,
      /^\tEvent: "query"\n\tID: 1\n\tLTime: \d+\n\tName: "load"\n\tPayload: ""$/m,
      new RegExp(
        // Other members may have changed within the same moments.
        `^\\tEvent: "member-update"\\n\\tMembers:\\n(?:\\t\\t.*\\n)?\\t\\t${b.name}  ${b.gossip}  alive  .*t=${start.getTime()}$`,
        "m",
      ),
    ]) {
      expect(hearsay!.out).toMatch(fields);
    }
  });

  test("reachability", async () => {
    const { serf, hearsay } = await together("reachability");
    expect(hearsay).toEqual(serf);
    expect(hearsay.code).toBe(0);
    const verbose = await together("reachability", "-verbose");
    const steady = ({ out }: Outcome) => ordered(out.replace(/\d+\.\d\d sec/g, "s"));
    expect(steady(verbose.hearsay)).toBe(steady(verbose.serf));
  });

  test("reachability of somebody who stands still", async () => {
    process.kill(b.pid, "SIGSTOP");
    try {
      // At once and together, before it is found to have failed.
      const { serf, hearsay } = await together("reachability");
      expect([hearsay.code, serf.code]).toEqual([1, 1]);
      const verdict = ({ out }: Outcome) => out.split("\n").slice(0, 4);
      expect(verdict(hearsay)).toEqual(verdict(serf));
      expect(verdict(hearsay)).toContain(`\t${b.name}`);
    } finally {
      process.kill(b.pid, "SIGCONT");
    }
    await waitFor(async () => sees(await serfMembers(a), all([a, b])), 20_000);
  });
});
