/**
 * Event handlers written for Serf run unchanged: one story, told to a handler of a `serf agent` and then to the same handler of
 * ours, at the same addresses and under the same names. What the handler sees is the same to the byte, but for two variables
 * that are ours, and the order of tags, which is random with Serf.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Agent, hasSerf, type Kind, Pool, runCli, serfMembers, sleep, waitFor } from "./harness.ts";

const directory = mkdtempSync(join(tmpdir(), "hearsay-handlers-"));
const script = join(directory, "handler.sh");
/** One block an event; the whole of it appears at once. Standard streams are opened by name, as many handlers do. */
const SCRIPT = `#!/bin/sh
out=$1
{
  echo "--- $SERF_EVENT"
  env -0 | grep -z '^SERF_' | sort -z | tr '\\0' '\\n'
  echo "stdin:"
  cat /dev/stdin
  echo "args: $#, in $(pwd)"
} > "$out.new"
cat "$out.new" >> "$out"
echo "answer to $SERF_QUERY_NAME" > /dev/stdout
echo "and more" >&2
`;

interface Told {
  /** What the handler saw, event by event. */
  readonly blocks: readonly string[];
  /** What the asker of a query got. */
  readonly answer: string;
  readonly stats: unknown;
}

/** Starts the agent under test in a pool of its own, lets everything happen to it, and ends all. */
async function story(kind: Kind, places: readonly string[]): Promise<Told> {
  const out = join(directory, kind);
  await using pool = new Pool("handlers");
  const seen = () => (existsSync(out) ? readFileSync(out, "utf8") : "");
  const until = (count: number, ms = 20_000) =>
    waitFor(
      () => blocksOf(seen()).length >= count,
      ms,
      () => `${count} events; the handler saw:\n${seen()}`,
    );
  const at = (index: number, name: string) => ({ address: places[index]!, name });
  const flags = ["-profile=local", "-event-handler", `${script} ${out}`, "-event-handler=user:other=true"];
  const tags = { role: "w\teb", "x.y-z": "1\n2" };
  const me = await (kind === "serf" ? pool.serf : pool.hearsay).call(pool, { ...at(0, "me"), tags, flags });
  await until(1);

  const peer = await pool.serf({ ...at(1, "pe er"), tags: { role: "d\tb" }, join: me, flags: ["-profile=local"] });
  await until(2);

  const event = (...args: string[]) => runCli("serf", ["event", `-rpc-addr=${me.rpc}`, ...args]);
  let count = 2;
  for (const args of [["deploy now", "payload"], ["deploy", "two\nlines\n"], ["bare"], ["empty", ""]]) {
    await event("-coalesce=false", ...args);
    await until(++count);
  }
  // Of these, one is told.
  await event("deploy", "old");
  await event("deploy", "new");
  await until(++count);

  const query = ["query", `-rpc-addr=${peer.rpc}`, "-timeout=1s", "-node=me", "-no-ack", "load", "question"];
  const answer = await runCli("serf", query);
  await until(++count);

  await runCli("serf", ["tags", `-rpc-addr=${peer.rpc}`, "-set", "b=2,c=3"]);
  await until(++count);
  await peer.leave();
  await until(++count);

  const mortal = await pool.serf({ ...at(2, "mortal"), join: me, flags: ["-profile=local"] });
  await until(++count);
  await mortal.kill();
  // Go waits for the confirmation of one that has left: its longest, 18 s.
  await until(++count, 45_000);
  await runCli("serf", ["force-leave", "-prune", `-rpc-addr=${me.rpc}`, "mortal"]);
  await until(++count);
  // Nothing comes after what is expected.
  await sleep(1500);
  const { event_handlers: stats } = JSON.parse(await runCli("serf", ["info", "-format=json", `-rpc-addr=${me.rpc}`]));
  return { blocks: blocksOf(seen()), answer, stats: JSON.parse(JSON.stringify(stats).replaceAll(out, "OUT")) };
}

/** Each begins with the event's name. Without our own variables and our own tag, and with tags in order. */
function blocksOf(text: string): string[] {
  const blocks = text.split(/^--- /m).slice(1);
  return blocks.map((block) =>
    block
      .replace(/^SERF_SELF_(?:ADDR|PORT)=.*\n/gm, "")
      .replace(/^((?:[^\t\n]*\t){3})(.*)$/gm, (_line, fields: string, tags: string) => {
        // A "," in a value stands before no "=" here, but for the one that is there to be one.
        return (
          fields +
          tags
            .split(/,(?=\w[\w.-]*=)/)
            .filter((tag) => !tag.startsWith("hs="))
            .sort()
            .join(",")
        );
      }),
  );
}

describe.skipIf(!hasSerf)("handlers written for Serf", () => {
  let theirs: Told;
  let ours: Told;
  beforeAll(async () => {
    writeFileSync(script, SCRIPT);
    chmodSync(script, 0o755);
    await using pool = new Pool("handlers");
    const places = ["me", "peer", "mortal"].map((name) => pool.place(name).address);
    theirs = await story("serf", places);
    ours = await story("hearsay", places);
  }, 170_000);
  afterAll(() => rmSync(directory, { recursive: true }));

  test("see the same environment and the same input, in the same order", () => {
    const events = theirs.blocks.map((block) => block.split("\n")[0]);
    expect(events).toEqual([
      ...["member-join", "member-join", "user", "user", "user", "user", "user", "query"],
      ...["member-update", "member-leave", "member-join", "member-failed", "member-reap"],
    ]);
    expect(ours.blocks).toEqual(theirs.blocks);
  });

  test("answer queries with the same text", () => {
    expect(theirs.answer).toContain("Response from 'me': answer to load\nand more");
    expect(ours.answer).toBe(theirs.answer);
  });

  test("stand in the stats under the same keys", () => {
    expect(ours.stats).toEqual(theirs.stats);
  });
});

/** With Serf, everything behind it would wait for a minute. */
test.skipIf(!hasSerf)("Serf's clients hear of events while one of our handlers hangs", async () => {
  await using pool = new Pool("hanging");
  const agent: Agent = await pool.hearsay({
    flags: ["-event-handler=user=sleep 60", "-event-handler=query=echo here"],
  });
  await runCli("serf", ["event", `-rpc-addr=${agent.rpc}`, "-coalesce=false", "hang"]);
  const answer = await runCli("serf", ["query", `-rpc-addr=${agent.rpc}`, "-timeout=1s", "load"]);
  expect(answer).toContain(`Response from '${agent.name}': here`);
  expect(await serfMembers(agent)).toHaveLength(1);
});
