import { expect, test } from "vitest";
import { AgentLog } from "./agent-log.ts";

function make(format: "text" | "json" = "text") {
  const lines: string[] = [];
  return { lines, log: new AgentLog({ level: "INFO", format, write: (line) => lines.push(line) }) };
}

test("Serf's form, held back until it is opened, by level", () => {
  const { lines, log } = make();
  log.child("serf").info({}, "EventMemberJoin: a 10.0.0.1");
  expect(lines).toEqual([]);
  log.open();
  log.child("serf").debug({}, "unseen");
  log.logger.warn({}, "two\nlines \u001b[2J");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^ {4}\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[INFO\] serf: EventMemberJoin: a 10\.0\.0\.1\n$/);
  expect(lines[1]).toMatch(/\[WARN\] agent: two\\u000alines \\u001b\[2J\n$/);
  expect(log.book.history().map(({ level }) => level)).toEqual(["INFO", "DEBUG", "WARN"]);
  log.level = "ERR";
  log.logger.warn({}, "no more");
  log.logger.error({}, "this");
  expect(lines).toHaveLength(3);
});

test("of what is held back, the oldest lines go when there are too many", () => {
  const { lines, log } = make("text");
  for (let i = 0; i < 5000; i++) log.logger.info({}, `line ${i}`);
  log.open();
  expect(lines).toHaveLength(4096);
  expect([lines[0], lines.at(-1)]).toEqual([
    expect.stringMatching(/line 904\n$/),
    expect.stringMatching(/line 4999\n$/),
  ]);
});

test("what nobody reads is not piled up; when it is read again, the log says what is missing", () => {
  const lines: string[] = [];
  let unread = 0;
  const log = new AgentLog({ level: "INFO", format: "text", write: (line) => lines.push(line), unread: () => unread });
  log.open();
  log.logger.info({}, "one");
  unread = 5 * 1024 * 1024;
  for (const text of ["two", "three"]) log.logger.info({}, text);
  unread = 0;
  for (const text of ["four", "five"]) log.logger.info({}, text);
  expect(lines.map((line) => line.trim().slice(20))).toEqual([
    "[INFO] agent: one",
    "[WARN] agent: 2 log lines were lost: whoever reads them did not keep up",
    "[INFO] agent: four",
    "[INFO] agent: five",
  ]);
  expect(log.book.history().map(({ text }) => text.slice(34))).toContain("three");
});

test("JSON: pino's own records", () => {
  const { lines, log } = make("json");
  log.open();
  log.child("serf").info({ peer: "x" }, "hello");
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 30, component: "serf", peer: "x", msg: "hello" });
});
