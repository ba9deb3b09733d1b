import { expect, test } from "vitest";
import { Pen, putText } from "./pen.ts";
import { TextCache } from "./text-cache.ts";
import { utf8Length } from "./utf8.ts";

/** What stands at the beginning of a fresh target after writing `text` there. */
function written(text: string, texts: TextCache): Uint8Array {
  const pen = new Pen(new Uint8Array(1024), texts);
  return pen.bytes.slice(0, putText(text, pen, 0));
}

test("a text is written alike whether it is known or not", () => {
  const texts = new TextCache(1024);
  const samples = ["", "a", "é", "語", "😀", "\ud800", "ÿ".repeat(15), "x".repeat(300)];
  for (let length = 1; length < 70; length++) samples.push("n".repeat(length), `${"n".repeat(length - 1)}é`);
  for (const text of samples) {
    const first = written(text, texts);
    expect(first.length).toBe(utf8Length(text) + (utf8Length(text) <= 31 ? 1 : 3));
    expect(written(text, texts)).toEqual(first);
    expect(written(text, new TextCache(1))).toEqual(first);
  }
  expect(texts.find("n".repeat(57))).toBeDefined();
  expect(texts.find("n".repeat(58))).toBeUndefined();
});

test("a full cache keeps what it has, and starts over after as many misses", () => {
  const texts = new TextCache(64);
  for (let i = 0; i < 64; i++) written(`name-${i}`, texts);
  for (let i = 64; i < 127; i++) written(`name-${i}`, texts);
  expect(texts.find("name-0")).toBeDefined();
  expect(texts.find("name-126")).toBeUndefined();
  written("name-127", texts);
  expect(texts.find("name-0")).toBeUndefined();
  expect(texts.find("name-127")).toBeDefined();
  expect(texts.words.length).toBe(64 * 16);
  expect(written("name-127", texts)).toEqual(written("name-127", new TextCache(1)));
});
