/** Handlers with real commands: their order, their queues, their answers. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@hearsay/node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import type { AgentEvent } from "../agent/agent-event.ts";
import { MAX_WAITING_BYTES } from "./event-handler.ts";
import { EventHandlers } from "./event-handlers.ts";
import { parseHandlerSpec } from "./handler-spec.ts";

let directory: string;
let lines: string[];
let open: EventHandlers[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hearsay-handlers-"));
  lines = [];
  open = [];
});
afterEach(() => {
  for (const handlers of open) handlers.close();
  rmSync(directory, { recursive: true });
});

const at = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
const log: Logger = { trace: at("TRACE"), debug: at("DEBUG"), info: at("INFO"), warn: at("WARN"), error: at("ERR") };
const path = (name: string) => join(directory, name);
const content = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : "");

function start(...specs: string[]): EventHandlers {
  const handlers = new EventHandlers(specs.map(parseHandlerSpec), () => fakeMember("me"), log);
  open.push(handlers);
  return handlers;
}

const user = (name: string, lTime = 1): AgentEvent => ({
  kind: "user",
  event: { name, lTime, coalesce: false, payload: new Uint8Array(0) },
});

test("each handler sees its events in order, one at a time, and waits for no other", async () => {
  const handlers = start(
    `user=while [ ! -e ${path("go")} ]; do sleep 0.02; done`,
    `echo $SERF_USER_EVENT >> ${path("seen")}`,
  );
  for (const name of ["a", "b", "c"]) handlers.handle(user(name));
  await vi.waitFor(() => expect(content("seen")).toBe("a\nb\nc\n"), 5000);
  writeFileSync(path("go"), "");
  await handlers.idle();
});

test("one run for each event, however many parts of the filter match", async () => {
  const handlers = start(`user,user:deploy=echo x >> ${path("seen")}`);
  handlers.handle(user("deploy"));
  await handlers.idle();
  expect(content("seen")).toBe("x\n");
});

test("what a command prints answers a query; failed or silent, it gives no answer", async () => {
  const node = new FakeNode(fakeMember("me"));
  const handlers = start(
    "query:load=echo 0.42",
    "query:fails=echo no; exit 1",
    "query:silent=true",
    "query:raw=printf '\\000\\377'",
  );
  node.on("query", (query) => handlers.handle({ kind: "query", query }));
  const calls = ["load", "fails", "silent", "raw"].map((name) => node.query(name, "", { timeout: 600_000 }));
  await handlers.idle();
  const answers = await Promise.all(
    calls.map(async (call) => {
      call.close();
      const all: string[] = [];
      for await (const { payload } of call) all.push(Buffer.from(payload).toString("hex"));
      return all;
    }),
  );
  expect(answers).toEqual([["302e34320a"], [], [], ["00ff"]]);
  expect(lines).toContain("ERR Error invoking script 'echo no; exit 1': exit status 1");
});

test("a second answer, and one that is too long, are only logged", async () => {
  const node = new FakeNode(fakeMember("me"));
  const handlers = start(
    "query:twice=echo first",
    "query:twice=sleep 0.2; echo second",
    "query:long=yes | head -c 2000",
  );
  node.on("query", (query) => handlers.handle({ kind: "query", query }));
  node.query("twice");
  node.query("long");
  await handlers.idle();
  expect(lines.filter((line) => line.startsWith("WARN"))).toEqual([
    "WARN Failed to respond to query 'query: long': response exceeds limit of 1024 bytes",
    "WARN Failed to respond to query 'query: twice': response already sent",
  ]);
});

test("slow runs and long outputs are warned of", async () => {
  const handlers = start("sleep 1.1; yes | head -c 10000");
  handlers.handle(user("a"));
  await handlers.idle();
  expect(lines.slice(0, 2)).toEqual([
    "WARN Script 'sleep 1.1; yes | head -c 10000' slow, execution exceeding 1s",
    "WARN Script 'sleep 1.1; yes | head -c 10000' generated 10000 bytes of output, truncated to 8192",
  ]);
});

test("the log keeps the end of what a command prints", async () => {
  const handlers = start("printf x; head -c 1000 /dev/zero | tr '\\0' y");
  handlers.handle(user("a"));
  await handlers.idle();
  expect(lines).toEqual([`DEBUG Event 'user' script output: …${"y".repeat(1000)}`]);
});

test("a name that no variable can hold costs one run, not the handler", async () => {
  const handlers = start(`echo $SERF_USER_EVENT >> ${path("seen")}`);
  handlers.handle(user("a\0b"));
  handlers.handle(user("c"));
  await handlers.idle();
  expect(lines.filter((line) => line.startsWith("ERR"))).toEqual([expect.stringContaining("null bytes")]);
  expect(content("seen")).toBe("c\n");
});

test("ten thousand events at once wait for their turn, and none is lost", () => {
  const handlers = start("sleep 30");
  for (let i = 0; i < 10_000; i++) handlers.handle(user(String(i)));
  expect(handlers.lost).toBe(0);
  expect(lines).toEqual([]);
});

test("a handler that is too slow loses its oldest events, which is counted and told once", async () => {
  const handlers = start(
    `*=while [ ! -e ${path("go")} ]; do sleep 0.02; done; echo $SERF_USER_EVENT >> ${path("seen")}`,
  );
  const payload = new Uint8Array(MAX_WAITING_BYTES / 4);
  for (const name of ["runs", "lost", "lost", "a", "b", "c"]) {
    handlers.handle({ kind: "user", event: { name, lTime: 1, coalesce: false, payload } });
  }
  expect(handlers.lost).toBe(2);
  expect(lines.filter((line) => line.includes("too slow: 3 events wait"))).toHaveLength(1);
  writeFileSync(path("go"), "");
  await handlers.idle();
  expect(content("seen")).toBe("runs\na\nb\nc\n");
});

test("replaced: the new ones get the next event, the old ones finish what they have, those that stay keep their order", async () => {
  const wait = `while [ ! -e ${path("go")} ]; do sleep 0.02; done`;
  const stays = `${wait}; echo stays $SERF_USER_EVENT >> ${path("seen")}`;
  const goes = `${wait}; echo goes $SERF_USER_EVENT >> ${path("gone")}`;
  const handlers = start(stays, goes);
  handlers.handle(user("a"));
  handlers.handle(user("b"));
  handlers.replace([`echo new $SERF_USER_EVENT >> ${path("new")}`, stays].map(parseHandlerSpec));
  handlers.handle(user("c"));
  writeFileSync(path("go"), "");
  await handlers.idle();
  expect([content("seen"), content("gone"), content("new")]).toEqual([
    "stays a\nstays b\nstays c\n",
    "goes a\ngoes b\n",
    "new c\n",
  ]);
  expect(handlers.specs.map(({ command }) => command.slice(0, 8))).toEqual(["echo new", "while [ "]);
});

test("closed, it waits for nothing and forgets what waits", async () => {
  const handlers = start(`sleep 0.3; echo $SERF_USER_EVENT >> ${path("seen")}`);
  handlers.handle(user("a"));
  handlers.handle(user("b"));
  handlers.close();
  await handlers.idle();
  handlers.handle(user("c"));
  // The one that ran goes on without us.
  await vi.waitFor(() => expect(content("seen")).toBe("a\n"), 3000);
  expect(lines).toEqual(["WARN lost, for their event handlers were still busy: 1 events"]);
});
