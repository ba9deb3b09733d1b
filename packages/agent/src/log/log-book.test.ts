import { expect, test } from "vitest";
import { LogBook } from "./log-book.ts";

test("a line that a client made long is cut for the history and for those who follow", () => {
  const book = new LogBook();
  const told: string[] = [];
  book.follow(({ text }) => told.push(text));
  book.add({ level: "WARN", text: `closed: ${"x".repeat(256 * 1024)}` });
  book.add({ level: "INFO", text: "y".repeat(8192) });
  expect(told.map((text) => text.length)).toEqual([8192 + " … (262152 characters)".length, 8192]);
  expect(told[0]).toMatch(/^closed: x+ … \(262152 characters\)$/);
  expect(book.history().map(({ text }) => text)).toEqual(told);
});
