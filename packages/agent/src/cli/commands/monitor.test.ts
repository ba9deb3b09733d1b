/** `hearsay monitor`: log lines and events, side by side, until somebody has had enough. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliStand } from "../../../test/cli.ts";

let stand: CliStand;
beforeEach(async () => {
  stand = await CliStand.open();
});
afterEach(() => stand[Symbol.asyncDispose]());

test("the log from its last lines on, and events in blocks", async () => {
  const { host, node } = stand;
  host.logBook.add({ level: "INFO", text: "2026/11/22 10:00:00 [INFO] agent: hello" });
  host.logBook.add({ level: "DEBUG", text: "2026/11/22 10:00:00 [DEBUG] agent: not seen" });
  const running = stand.run(["monitor"]);
  await expect.poll(() => stand.printed).toBe("2026/11/22 10:00:00 [INFO] agent: hello\n");
  host.logBook.add({ level: "WARN", text: "2026/11/22 10:00:01 [WARN] serf: \u001b[2J" });
  await node.userEvent("deploy", 'v"1\n', { coalesce: true });
  node.query("load");
  host.tell({ kind: "member-join", members: [node.local(), node.member("n2")!] });
  await expect.poll(() => stand.printed).toContain("10.0.0.2");
  process.emit("SIGINT");
  const { code, out, err } = await running;
  expect([code, err]).toEqual([0, ""]);
  const lines = out.split("\n").slice(1);
  expect(lines).toContain("2026/11/22 10:00:01 [WARN] serf: \\u001b[2J");
  expect(lines.filter((line) => !line.startsWith("2026")).join("\n")).toBe(`Event Info:
	Event: "user"
	LTime: 1
	Name: "deploy"
	Payload: "v\\"1\\n"
	Coalesce: true
Event Info:
	Event: "query"
	ID: 1
	LTime: 1
	Name: "load"
	Payload: ""
Event Info:
	Event: "member-join"
	Members:
		n1  10.0.0.1:7946  alive  role=web
		n2  10.0.0.2:7946  alive  role=db
`);
  expect(process.listenerCount("SIGINT")).toBe(0);
});

test("its own level", async () => {
  stand.host.logBook.add({ level: "DEBUG", text: "seen" });
  const running = stand.run(["monitor", "-log-level", "debug"]);
  await expect.poll(() => stand.printed).toBe("seen\n");
  process.emit("SIGINT");
  expect((await running).code).toBe(0);
  expect(await stand.fails("monitor", "-log-level=nope")).toBe("1 Error starting monitor: Unknown log level: NOPE\n");
});

test("the agent ends", async () => {
  stand.host.logBook.add({ level: "INFO", text: "seen" });
  const running = stand.run(["monitor"]);
  await expect.poll(() => stand.printed).toBe("seen\n");
  await stand[Symbol.asyncDispose]();
  expect(await running).toMatchObject({
    code: 1,
    err: "The agent ended the monitor: it has left its pool, was stopped, or crashed\n",
  });
});
