import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { closedError } from "./errors.ts";
import { KeyQueue } from "./key-queue.ts";

/** An operation that ends when it is told. */
function operation() {
  let end!: (value: string) => void;
  let fail!: (error: Error) => void;
  let begun = false;
  const result = new Promise<string>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const run = () => {
    begun = true;
    return result;
  };
  return { run, end, fail, begun: () => begun };
}

const turnOver = () => new Promise((resolve) => setImmediate(resolve));

test("one at a time, in order, also after one that failed", async () => {
  const queue = new KeyQueue();
  const [a, b, c] = [operation(), operation(), operation()];
  const results = [a, b, c].map(({ run }) => queue.run(run, undefined, "keys").catch((error: Error) => error.message));
  await turnOver();
  expect([a.begun(), b.begun(), c.begun()]).toEqual([true, false, false]);
  a.fail(new Error("broken"));
  await turnOver();
  expect([b.begun(), c.begun()]).toEqual([true, false]);
  b.end("b");
  await turnOver();
  c.end("c");
  expect(await Promise.all(results)).toEqual(["broken", "b", "c"]);
});

test("whoever waits may give up; the next takes the place", async () => {
  const queue = new KeyQueue();
  const controller = new AbortController();
  const [a, b, c] = [operation(), operation(), operation()];
  const first = queue.run(a.run, controller.signal, "keys");
  const second = queue.run(b.run, controller.signal, "keys");
  const third = queue.run(c.run, undefined, "keys");
  controller.abort();
  await expect(second).rejects.toMatchObject({ code: "ABORTED" });
  a.end("a");
  c.end("c");
  expect([await first, await third, b.begun()]).toEqual(["a", "c", false]);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  await expect(queue.run(a.run, controller.signal, "keys")).rejects.toMatchObject({ code: "ABORTED" });
});

test("closing refuses those who wait", async () => {
  const queue = new KeyQueue();
  const [a, b] = [operation(), operation()];
  const first = queue.run(a.run, undefined, "keys");
  const second = queue.run(b.run, undefined, "keys");
  queue.close(closedError());
  await expect(second).rejects.toMatchObject({ code: "CLOSED" });
  a.end("a");
  expect([await first, b.begun()]).toEqual(["a", false]);
});
