/** Agents in this process, on loopback, with the command line in front: what people type and what they read. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { agent, cli, endAgents, failure, ok, running, settings, signal } from "../../../test/running-agents.ts";
import { Agent } from "../../agent/agent.ts";
import { main } from "../main.ts";

afterEach(endAgents);

describe("life", () => {
  test("two agents find each other; the table, the facts, the reasons, the leave", async () => {
    const a = await agent("-node=a", "-tag=role=web", "-tag", "dc=x");
    const b = await agent("-node=b", `-join=${a.gossip}`);
    expect(b.out).toContain("Join completed. Synced with 1 initial agents");
    await expect.poll(() => ok("members", `-rpc-addr=${a.rpc}`)).toContain("b");
    expect(await ok("members", `-rpc-addr=${b.rpc}`)).toBe(
      `a  ${a.gossip}  alive  dc=x,hs=1sca,role=web\nb  ${b.gossip}  alive  hs=1sca\n`,
    );
    expect(await ok("members", "-rpc-addr", a.rpc, "-detailed", "-name=b")).toBe(
      `b  ${b.gossip}  alive  hs=1sca  Protocol Version: 5  Available Protocol Range: [2, 5]\n`,
    );
    expect(JSON.parse(await ok("members", `--rpc-addr=${a.rpc}`, "-format=json", "-tag=role=w.*"))).toEqual({
      members: [
        {
          name: "a",
          addr: a.gossip,
          port: Number(a.gossip.split(":")[1]),
          tags: { dc: "x", hs: "1sca", role: "web" },
          status: "alive",
          protocol: { max: 5, min: 2, version: 5 },
        },
      ],
    });
    expect(await ok("members", `-rpc-addr=${a.rpc}`, "-status=failed")).toBe("");
    expect(await ok("members", `-rpc-addr=${a.rpc}`, "-status=failed", "-format=json")).toBe(
      '{\n  "members": null\n}\n',
    );
    expect(await ok("info", `-rpc-addr=${b.rpc}`)).toMatch(
      /^agent:\n\tname = b\n(drops:\n(\t.*\n)+)?event_handlers:\nhearsay:\n/,
    );
    expect(await ok("why", "a", `-rpc-addr=${b.rpc}`)).toMatch(/^a {2}alive\n/);
    expect(await failure("why", "nobody", `-rpc-addr=${b.rpc}`)).toBe('Error: no member is or was called "nobody"');
    expect(await ok("leave", `-rpc-addr=${b.rpc}`)).toBe("Graceful leave complete\n");
    expect(await b.code).toBe(0);
    await expect.poll(() => ok("members", `-rpc-addr=${a.rpc}`)).toMatch(/^b .* left +hs=1sca$/m);
    expect(a.out).toMatch(/\[INFO\] serf: EventMemberJoin: b 127\.0\.0\.1\n/);
    expect(a.out).toMatch(/\[INFO\] serf: EventMemberLeave: b 127\.0\.0\.1\n/);
  });

  test("Ctrl-C leaves; a terminate does not, unless told to", async () => {
    const watcher = await agent("-node=w");
    const polite = cliConfig({ leave_on_terminate: true });
    const a = await agent("-node=a", `-join=${watcher.gossip}`, "-config-file", polite.file);
    running.delete(watcher);
    // All agents of this process hear it: the watcher ends with 1, the polite one leaves.
    signal("SIGTERM");
    expect(await watcher.code).toBe(1);
    expect(watcher.out).toContain("==> Caught signal: terminated");
    expect(await a.code).toBe(0);
    expect(a.out).toContain("==> Gracefully shutting down agent...");
    const b = await agent("-node=b");
    signal("SIGINT");
    expect(await b.code).toBe(0);
    expect(b.out).toContain("==> Caught signal: interrupt");
    polite.remove();
  });

  test("a hangup brings new tags and a new log level; a broken file changes nothing", async () => {
    const config = cliConfig({ tags: { role: "old" } });
    const a = await agent("-node=a", "-config-file", config.file);
    config.write({ tags: { role: "new" }, log_level: "debug" });
    signal("SIGHUP");
    await expect.poll(() => ok("members", `-rpc-addr=${a.rpc}`)).toContain("role=new");
    await expect.poll(() => a.out).toContain("[DEBUG]");
    config.write({ tagz: {} });
    signal("SIGHUP");
    await expect.poll(() => a.out).toContain('unknown key "tagz"');
    expect(await ok("members", `-rpc-addr=${a.rpc}`)).toContain("role=new");
    config.remove();
  });

  test("a hangup brings other event handlers, and tags that replace those set since; stats tell", async () => {
    const config = cliConfig({ event_handlers: ["user:a=x"], tags: { a: "1" } });
    const a = await agent("-node=a", "-config-file", config.file, "-event-handler=query=y");
    expect(await ok("info", `-rpc-addr=${a.rpc}`)).toContain("event_handlers:\n\tquery: = y\n\tuser:a = x\n");
    config.write({ event_handlers: ["member-join[role=web]=z"], tags: { b: "2" } });
    signal("SIGHUP");
    await expect
      .poll(() => ok("info", `-rpc-addr=${a.rpc}`))
      .toContain("event_handlers:\n\tmember-join[role=web]: = z\n\tquery: = y\n");
    await expect.poll(() => ok("members", `-rpc-addr=${a.rpc}`)).toContain("alive  b=2,hs=1sca\n");
    await expect.poll(() => a.out).toContain("[INFO] agent: configuration reloaded");
    // A specification that makes no sense changes nothing.
    config.write({ event_handlers: ["bogus=x"], tags: {} });
    signal("SIGHUP");
    await expect.poll(() => a.out).toContain("Invalid event script: Event 'bogus' invoking 'x'");
    expect(await ok("info", `-rpc-addr=${a.rpc}`)).toContain("member-join[role=web]: = z");
    expect(await ok("members", `-rpc-addr=${a.rpc}`)).toContain("alive  b=2,hs=1sca\n");
    config.remove();
  });

  test("tags that still spread after a hangup do not hold up the end", async () => {
    const config = cliConfig({ tags: { a: "1" } });
    const a = await agent("-node=a", "-config-file", config.file);
    await agent("-node=b", `-join=${a.gossip}`);
    config.write({ tags: { a: "2" } });
    signal("SIGHUP");
    signal("SIGTERM");
    expect(await a.code).toBe(1);
    expect(a.out).toContain("==> Reloading configuration...");
    expect(a.out).not.toContain("configuration reloaded");
    config.remove();
  });

  test("an event is handled by an agent that leaves at once", async () => {
    const seen = join(mkdtempSync(join(tmpdir(), "hearsay-agent-")), "seen");
    const a = await agent("-node=a", `-event-handler=user=cat >> ${seen}`);
    await ok("event", `-rpc-addr=${a.rpc}`, "deploy", "x");
    await ok("leave", `-rpc-addr=${a.rpc}`);
    expect(await a.code).toBe(0);
    expect(readFileSync(seen, "utf8")).toBe("x\n");
    rmSync(dirname(seen), { recursive: true });
  });

  test("a signal while it starts ends it then, and what was started", async () => {
    let out = "";
    const io = {
      out: (text: string) => {
        out += text;
        if (text.includes("Starting")) signal("SIGINT");
      },
      err: () => {},
      env: {},
    };
    const close = vi.spyOn(Agent.prototype, "close");
    expect(await main(["agent", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0"], io)).toBe(1);
    expect(out).toBe("==> Starting Hearsay agent...\n==> Caught signal: interrupt\n");
    expect(process.listenerCount("SIGINT")).toBe(0);
    // What it has started in the meantime does not go on.
    await vi.waitFor(() => expect(close).toHaveBeenCalledTimes(1));
    await close.mock.results[0]!.value;
    close.mockRestore();
  });

  test("the process ends even if something in it does not", async () => {
    settings.ownsProcess = true;
    const a = await agent("-node=a");
    const exit = vi.spyOn(process, "exit").mockImplementation((() => {}) as typeof process.exit);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      signal("SIGTERM");
      expect(await a.code).toBe(1);
      vi.advanceTimersByTime(9999);
      expect(exit).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(exit).toHaveBeenCalledWith(1);
    } finally {
      settings.ownsProcess = false;
      vi.useRealTimers();
      exit.mockRestore();
    }
  });

  test("USR1 shows the counters, and opens no debugger", async () => {
    const a = await agent("-node=a");
    signal("SIGUSR1");
    expect(a.err).toMatch(/^agent\.name = a$/m);
    expect(a.err).toMatch(/^serf\.members = 1$/m);
    signal("SIGTERM");
    expect(await a.code).toBe(1);
    expect(process.listenerCount("SIGUSR1")).toBe(0);
  });

  test("a second signal, and skip_leave_on_interrupt, end it at once", async () => {
    const a = await agent("-node=a");
    // At once, for an agent that is alone has left in no time.
    signal("SIGINT");
    signal("SIGINT");
    expect(await a.code).toBe(1);
    expect(a.out).toMatch(/Gracefully shutting down agent\.\.\.\n.*==> Caught signal: interrupt; stopping at once/s);
    const skips = cliConfig({ skip_leave_on_interrupt: true });
    const b = await agent("-node=b", "-config-file", skips.file);
    signal("SIGINT");
    expect(await b.code).toBe(1);
    expect(b.out).toContain("stopping without leaving the pool");
    skips.remove();
  });

  test("what is remembered, found and not done stands in banner and log", async () => {
    const { file, remove } = cliConfig({});
    const a = await agent("-node=a", "-syslog", `-snapshot=${file}.snapshot`);
    expect(a.out).toMatch(/^ +Snapshot: true$/m);
    expect(a.out).toMatch(/\[WARN\] agent: the log cannot go to syslog by itself/);
    signal("SIGTERM");
    await a.code;
    remove();
  });

  test("the log as JSON, and nothing else", async () => {
    const run = cli("agent", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-node=j", "-log-format=json");
    await expect.poll(() => run.out).toContain("EventMemberJoin: j");
    signal("SIGINT");
    expect(await run.code).toBe(0);
    for (const line of run.out.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  test("a retried join succeeds when somebody is there", async () => {
    const spare = createServer();
    await new Promise<void>((resolve) => spare.listen(0, "127.0.0.1", resolve));
    const { port } = spare.address() as { port: number };
    await new Promise((resolve) => spare.close(resolve));
    const b = await agent("-node=b", `-retry-join=127.0.0.1:${port}`, "-retry-interval=1s");
    await expect.poll(() => b.out).toMatch(/\[WARN\] agent: Join failed: .*trying again in 1s/);
    await agent("-node=a", `-bind=127.0.0.1:${port}`);
    await expect.poll(() => b.out, { timeout: 5000 }).toContain("EventMemberJoin: a");
  });
});

describe("what cannot be is said in one line", () => {
  const start = ["agent", "-rpc-addr=127.0.0.1:0", "-profile=local"];

  test("taken ports", async () => {
    const a = await agent("-node=a");
    expect(await failure(...start, `-bind=${a.gossip}`)).toMatch(/ -bind: 127.* is in use by another process/);
    expect(await failure(...start, "-bind=127.0.0.1:0", `-rpc-addr=${a.rpc}`)).toMatch(/-rpc-addr: 127.* is in use/);
  });

  test("a name that is taken", async () => {
    const a = await agent("-node=a");
    const line = await failure(...start, "-bind=127.0.0.1:0", "-node=a", `-join=${a.gossip}`);
    expect(line).toBe(`==> node name "a" is already in use by ${a.gossip}; choose another with -node`);
    expect(running.has(a)).toBe(true);
    await expect.poll(() => a.out).toMatch(/\[WARN\] memberlist: name conflict: .* claims our own name "a"/);
  });

  test("another key, another label, nobody there", async () => {
    const key = Buffer.alloc(16, 1).toString("base64");
    const other = Buffer.alloc(16, 2).toString("base64");
    const a = await agent("-node=a", `-encrypt=${key}`);
    const b = await agent("-node=b", "-label=blue");
    const c = [...start, "-bind=127.0.0.1:0", "-node=c"];
    expect(await failure(...c, `-encrypt=${other}`, `-join=${a.gossip}`)).toContain(`Failed to join ${a.gossip}`);
    expect(await failure(...c, `-join=${a.gossip}`)).toContain(`Failed to join ${a.gossip}`);
    expect(await failure(...c, "-label=red", `-join=${b.gossip}`)).toContain(`Failed to join ${b.gossip}`);
    expect(await failure(...c, "-join=127.0.0.1:1")).toContain("connection refused");
    await expect.poll(() => a.out).toMatch(/\[WARN\] memberlist: dropped .*\(decrypt-failed\)/);
    await expect.poll(() => a.out).toMatch(/\[WARN\] memberlist: dropped .*\(not-encrypted\)/);
    await expect.poll(() => b.out).toMatch(/\[WARN\] memberlist: dropped .*\(label-mismatch\)/);
  });

  test.each([
    [["-encrypt=foo"], "-encrypt: Invalid encryption key"],
    [["-profile=x"], "-profile: Unknown profile: x"],
    [["-log-level=zz"], "Invalid log level: zz"],
    [["-log-format=xml"], "Unknown log format: xml"],
    [["-tag=x"], "Invalid tag: 'x'"],
    [["-protocol=9"], "Protocol version '9' too high"],
    [["-bind=1.2.3.4"], "1.2.3.4:7946 (UDP) is no address of this machine"],
    [["-bind=999"], '-bind: "999:7946"'],
    [["-rpc-addr=1:2:3"], '"1:2:3" is no address'],
    [["-broadcast-timeout=x"], "-broadcast-timeout must be a duration"],
    [["-retry-max=x"], "-retry-max must be a whole number"],
    [["-config-file=/nowhere.json"], "cannot read /nowhere.json"],
    [[`-tag=a=${"x".repeat(600)}`], "exceed 512 bytes"],
    [["-bogus"], "unknown flag -bogus"],
    [["-event-handler=bogus=x"], "-event-handler: Invalid event script: Event 'bogus' invoking 'x'"],
    [["-tags-file=x", "-tag=a=b"], "Tags config not allowed while using tag files"],
    [["-iface=nowhere9"], 'Invalid network interface: iface: "nowhere9"'],
    [["-mdns-iface=lo"], "mDNS interface specified without enabling mDNS discovery"],
    [["-snapshot=/nowhere/x"], "-snapshot: "],
    [["-isolat"], "did you mean -isolate?"],
    [["surplus"], "too many arguments: surplus"],
  ])("%j", async (argv, message) => {
    expect(await failure(...start, "-bind=127.0.0.1:0", ...argv)).toContain(message);
  });
});

describe("the command line itself", () => {
  test("help, for all and for each", async () => {
    const all = await ok("-h");
    for (const name of ["agent", "members", "join", "leave", "force-leave", "info", "keygen", "version", "why"]) {
      expect(all).toContain(`\n    ${name} `);
      expect(await ok(name, "-h")).toMatch(new RegExp(`^Usage: hearsay ${name}`));
      expect(await ok("help", name)).toBe(await ok(name, "--help"));
    }
  });
  test("unknown and missing commands", async () => {
    const unknown = cli("membrs");
    expect(await unknown.code).toBe(127);
    expect(unknown.err).toMatch(/^"membrs" is no command; did you mean "members"\?\n/);
    const none = cli();
    expect([await none.code, none.out]).toEqual([127, ""]);
  });
  test("version, in any place", async () => {
    const text = await ok("version");
    expect(text).toMatch(/^Hearsay v\d+\.\d+\.\d+\nAgent Protocol: 5 \(Understands back to: 2\)\n$/);
    for (const argv of [["-v"], ["--version"], ["members", "-version"]]) expect(await ok(...argv)).toBe(text);
  });
  test("keygen: 32 bytes, never the same", async () => {
    const [a, b] = [await ok("keygen"), await ok("keygen")];
    expect(Buffer.from(a, "base64")).toHaveLength(32);
    expect(a).not.toBe(b);
  });
  test("no agent there", async () => {
    expect(await failure("members", "-rpc-addr=127.0.0.1:1")).toMatch(
      /^Error connecting to the agent at 127\.0\.0\.1:1: nobody listens there .*; start one with "hearsay agent"/,
    );
  });
  test("tokens", async () => {
    const a = await agent("-node=a", "-rpc-auth=sesame");
    expect(await failure("members", `-rpc-addr=${a.rpc}`)).toMatch(/Authentication required; give the agent's token/);
    expect(await failure("join", "x", `-rpc-addr=${a.rpc}`)).toMatch(/Authentication required/);
    expect(await failure("members", `-rpc-addr=${a.rpc}`, "-rpc-auth=x")).toMatch(
      /Invalid authentication token; check/,
    );
    expect(await ok("members", `-rpc-addr=${a.rpc}`, "-rpc-auth=sesame")).toContain("alive");
  });
  test.each([
    [["members", "-format=xml"], 'Invalid output format "xml"'],
    [["members", "-tag=x"], "Invalid tag: 'x'"],
    [["join"], "ADDRESS... is missing"],
    [["force-leave"], "NODE is missing"],
    [["why", "a", "b"], "too many arguments: b"],
  ])("%j", async (argv, message) => {
    expect(await failure(...argv)).toContain(message);
  });
});

/** A configuration file in a place of its own. */
function cliConfig(content: unknown) {
  const directory = mkdtempSync(join(tmpdir(), "hearsay-agent-"));
  const file = join(directory, "agent.json");
  const write = (value: unknown) => writeFileSync(file, JSON.stringify(value));
  write(content);
  return { file, write, remove: () => rmSync(directory, { recursive: true }) };
}
