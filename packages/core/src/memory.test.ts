import fc from "fast-check";
import { expect, it } from "vitest";
import { Memory, Rows } from "./memory.ts";

it("gives no two the same memory, and what is given back to the next of that size", () => {
  const memory = new Memory();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 60 }), (sizes) => {
      const blocks = sizes.map((size) => memory.take(size));
      for (const [i, { words, start, size }] of blocks.entries()) {
        expect(size).toBeGreaterThanOrEqual(sizes[i]!);
        words.fill(i, start, start + size);
      }
      for (const [i, { words, start, size }] of blocks.entries()) {
        expect(words.subarray(start, start + size).every((word) => word === i)).toBe(true);
      }
      for (const block of blocks) memory.give(block);
      const [first] = blocks;
      expect(memory.take(first!.size).size).toBe(first!.size);
    }),
  );
});

it("keeps rows while they grow beside those of others", () => {
  const memory = new Memory();
  const lists = [2, 4, 10].map((stride) => ({ stride, rows: new Rows(memory, stride) }));
  for (let row = 0; row < 3000; row++) {
    for (const { rows, stride } of lists) {
      rows.reserve(row, 7);
      expect(rows.doubles[(rows.at + row * stride) / 2]).toBe(7);
      rows.words[rows.at + row * stride] = row * stride;
    }
  }
  for (const { rows, stride } of lists) {
    for (let row = 0; row < 3000; row++) expect(rows.words[rows.at + row * stride]).toBe(row * stride);
  }
});
