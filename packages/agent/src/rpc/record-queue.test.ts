import { expect, test } from "vitest";
import { MAX_RECORDS, MAX_WAITING_BYTES, type QueuedRecord, RecordQueue, WaitingBytes } from "./record-queue.ts";

const record = (bytes: number): QueuedRecord => ({ header: new Uint8Array(10), body: new Uint8Array(bytes - 10) });

function setUp(bytes = new WaitingBytes()) {
  const state = { open: false, sent: 0, overflows: 0 };
  const send = () => {
    if (state.open) state.sent++;
    return state.open;
  };
  const queue = new RecordQueue(send, bytes, () => state.overflows++);
  return { state, queue, bytes };
}

test("so many records wait, the rest is lost and told of once, until all is sent", () => {
  const { state, queue } = setUp();
  for (let i = 0; i < MAX_RECORDS; i++) expect(queue.offer(record(20))).toBe(true);
  expect([queue.offer(record(20)), queue.offer(record(20)), state.overflows]).toEqual([false, false, 1]);
  state.open = true;
  queue.flush();
  expect(state.sent).toBe(MAX_RECORDS);
  expect(queue.offer(record(20))).toBe(true);
  state.open = false;
  for (let i = 0; i <= MAX_RECORDS; i++) queue.offer(record(20));
  expect(state.overflows).toBe(2);
});

test("all queues of a connection share the bytes; what is sent or cleared gives them back", () => {
  const { queue, bytes, state } = setUp();
  const { queue: other } = setUp(bytes);
  const half = MAX_WAITING_BYTES / 2;
  expect([queue.offer(record(half)), other.offer(record(half)), other.offer(record(11))]).toEqual([true, true, false]);
  other.clear();
  expect(queue.offer(record(half))).toBe(true);
  state.open = true;
  queue.flush();
  expect(other.offer(record(MAX_WAITING_BYTES))).toBe(true);
});

test("a record longer than all that may wait is taken when nothing else waits", () => {
  const { queue } = setUp();
  expect(queue.offer(record(3 * MAX_WAITING_BYTES))).toBe(true);
  expect(queue.offer(record(20))).toBe(false);
});
