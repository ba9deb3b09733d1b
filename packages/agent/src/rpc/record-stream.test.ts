import { expect, test } from "vitest";
import { RecordStream } from "./record-stream.ts";

test("many records that waited are read in a time that grows with their number only", async () => {
  let held = 0;
  const stream = new RecordStream<number>({ signal: undefined, onHeld: (bytes) => (held += bytes), onStop: () => {} });
  const count = 150_000;
  for (let i = 0; i < count; i++) stream.push(i, 10);
  expect(held).toBe(count * 74);
  const began = performance.now();
  let wrong = 0;
  for (let i = 0; i < count; i++) if ((await stream.next()).value !== i) wrong++;
  expect(performance.now() - began).toBeLessThan(5000);
  expect(wrong).toBe(0);
  expect(held).toBe(0);
  stream.push(1, 10);
  stream.push(2, 10);
  await stream.next();
  // What is left is let go with the reader.
  await stream.return();
  expect(held).toBe(0);
});
