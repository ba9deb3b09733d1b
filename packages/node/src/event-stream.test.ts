import { expect, test } from "vitest";
import { EventStream, EventStreams } from "./event-stream.ts";

test("a reader gets events in order, waiting or not", async () => {
  const stream = new EventStream<{ n: number }>(() => {});
  stream.push({ n: 1 });
  const waiting = [stream.next(), stream.next()];
  stream.push({ n: 2 });
  stream.push({ n: 3 });
  expect(await Promise.all(waiting)).toEqual([
    { done: false, value: { n: 1, dropped: 0 } },
    { done: false, value: { n: 2, dropped: 0 } },
  ]);
  expect((await stream.next()).value).toEqual({ n: 3, dropped: 0 });
});

test("a slow reader loses the oldest and is told how many", async () => {
  const stream = new EventStream<{ n: number }>(() => {}, 10);
  for (let n = 0; n < 1000; n++) stream.push({ n });
  const got: { n: number; dropped: number }[] = [];
  for (let i = 0; i < 10; i++) got.push((await stream.next()).value);
  expect(got.map(({ n }) => n)).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
  expect(got.map(({ dropped }) => dropped)).toEqual([990, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("events lost on the way are counted, for a waiting reader too", async () => {
  const stream = new EventStream<{ n: number }>(() => {});
  stream.skip(5);
  stream.push({ n: 1 });
  stream.skip(2);
  expect((await stream.next()).value).toEqual({ n: 1, dropped: 7 });
  const waiting = stream.next();
  stream.skip(1);
  stream.push({ n: 2 });
  expect((await waiting).value).toEqual({ n: 2, dropped: 1 });
});

test("ends on abort, on break and on close; what waits is let go", async () => {
  const streams = new EventStreams<{ n: number }>();
  const controller = new AbortController();
  const aborted = streams.open(controller.signal);
  const waiting = aborted.next();
  controller.abort();
  expect(await waiting).toEqual({ done: true, value: undefined });

  const broken = streams.open(undefined);
  streams.push({ n: 1 });
  streams.push({ n: 2 });
  for await (const event of broken) {
    expect(event.n).toBe(1);
    break;
  }
  expect((await broken.next()).done).toBe(true);

  const closed = streams.open(undefined);
  streams.push({ n: 3 });
  streams.end();
  const got: number[] = [];
  for await (const { n } of closed) got.push(n);
  expect(got).toEqual([3]);
  expect((await streams.open(undefined).next()).done).toBe(true);
  expect((await streams.open(AbortSignal.abort()).next()).done).toBe(true);
});
