/** Which events a file says were seen: by the rules alone, by random histories, and by real files. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventHash, type SeenEvents } from "@hearsay/serf";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { formatLine } from "./lines.ts";
import { Replay } from "./replay.ts";
import { MAX_SEEN_EVENTS, SeenMemory } from "./seen-events.ts";
import { openSnapshot } from "./snapshot.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-seen-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newPath = () => join(folder, `snapshot-${count++}`);

const hashOf = (n: number) => n.toString(16).padStart(16, "0");
const [h1, h2, h3] = [1, 2, 3].map(hashOf) as [string, string, string];
const times = (eventTime: number, eventsFrom: number) => ({ memberTime: 0, eventTime, queryTime: 0, eventsFrom });
const plain = (seen: SeenEvents | undefined) =>
  seen && {
    from: seen.fromTime,
    events: [...seen.hashes].flatMap(([time, hashes]) => [...hashes].map((h) => [time, h])),
  };

function replayed(text: string, rejoinAfterLeave = false) {
  const replay = new Replay({ rejoinAfterLeave });
  replay.push(new TextEncoder().encode(text));
  return replay.state;
}

describe("what the lines say", () => {
  const ours = `alive: a 10.0.0.1:1\n# seen-event: 4 ${h1}\n# seen-event: 6 ${h2}\n# seen-range: 3 6\nevent-clock: 6\n`;
  const memory = {
    from: 3,
    events: [
      [4, h1],
      [6, h2],
    ],
  };

  test("is believed while all of it is ours", () => {
    expect(plain(replayed(ours).seenEvents())).toEqual(memory);
    const rest = `alive: b 10.0.0.2:1\nnot-alive: b\nclock: 9\nquery-clock: 3\n`;
    expect(plain(replayed(ours + rest).seenEvents())).toEqual(memory);
  });

  test("an event's line may be there before the clock's", () => {
    const state = replayed(`${ours}# seen-event: 8 ${h3}\n`);
    expect(plain(state.seenEvents())).toEqual({ from: 3, events: [...memory.events, [8, h3]] });
    expect(state.clocks()).toEqual({ memberTime: 0, eventTime: 8, queryTime: 0 });
  });

  test.each([
    ["a time that no range covers", "event-clock: 7\n"],
    ["a member said to be alive again, as Serf says when it starts", "alive: a 10.0.0.1:1\n"],
    ["one said to be gone that was not there", "not-alive: b\n"],
  ])("is in doubt after %s; not any more after our next range", (_, line) => {
    expect(replayed(ours + line).seenEvents()).toBeUndefined();
    const next = replayed(`${ours}${line}# seen-range: 8 7\n# seen-event: 8 ${h3}\n`);
    expect(plain(next.seenEvents())).toEqual({ from: 8, events: [[8, h3]] });
  });

  test("without a range there is nothing to believe, and without a time nothing to remember", () => {
    expect(replayed(`# seen-event: 4 ${h1}\nevent-clock: 4\n`).seenEvents()).toBeUndefined();
    expect(replayed("# seen-range: 1 0\n").seenEvents()).toBeUndefined();
  });

  test("a goodbye ends it, for whoever does not join again: no later range reaches behind it", () => {
    const text = `${ours}leave\n# seen-event: 7 ${h3}\n# seen-event: 5 ${h3}\n# seen-range: 3 7\nevent-clock: 7\n`;
    expect(plain(replayed(text).seenEvents())).toEqual({ from: 7, events: [[7, h3]] });
    expect(replayed(`${ours}leave\n`).seenEvents()).toBeUndefined();
    expect(plain(replayed(text, true).seenEvents())).toEqual({
      from: 3,
      events: [...memory.events, [7, h3], [5, h3]],
    });
  });

  test("of more events than are remembered the earliest go, and count as seen", () => {
    const memory = new SeenMemory();
    memory.cover(0, 0);
    for (let n = 0; n < 3 * MAX_SEEN_EVENTS; n++) memory.add(1000 + (n >> 3), hashOf(n));
    const { fromTime, hashes } = memory.events()!;
    let held = 0;
    for (const each of hashes.values()) held += each.size;
    expect(held).toBeLessThanOrEqual(MAX_SEEN_EVENTS);
    expect(held).toBeGreaterThan(MAX_SEEN_EVENTS / 2);
    expect(Math.min(...hashes.keys())).toBe(fromTime);
    // Also of one that comes in late.
    memory.add(fromTime - 1, h1);
    expect(memory.events()!.hashes.has(fromTime - 1)).toBe(false);
  });
});

describe("a history of events", () => {
  /** Each step is an event within the window, or the writing of the clocks, or writing anew. */
  const window = 16;
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ ahead: fc.integer({ min: -20, max: 2 }), hash: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.constant("clocks" as const) },
    { weight: 1, arbitrary: fc.constant("anew" as const) },
  );

  test("cut off after any line and whenever written anew, nothing that was told is told again, and all else is", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, cutAt) => {
        // What the machine does, in few words: it tells what is new in its window, and notes it at once.
        const told = new Set<string>();
        let clock = 1;
        let written = "";
        const lines: string[] = [];
        /** What had been told when each line was written. */
        const toldThen: ReadonlySet<string>[] = [];
        const append = (line: string) => {
          written += line;
          lines.push(line);
          toldThen.push(new Set(told));
        };
        append("# seen-range: 0 0\n");
        for (const each of steps) {
          const from = Math.max(clock - window, 0);
          if (each === "clocks") {
            append(`# seen-range: ${from} ${clock - 1}\n`);
            append(`event-clock: ${clock - 1}\n`);
          } else if (each === "anew") {
            lines.length = toldThen.length = 0;
            append([...replayed(written).lines()].join(""));
            written = lines[0]!;
          } else {
            const time = Math.max(clock + each.ahead, 1);
            clock = Math.max(clock, time + 1);
            if (time < Math.max(clock - window, 0) || told.has(`${time} ${hashOf(each.hash)}`)) continue;
            told.add(`${time} ${hashOf(each.hash)}`);
            append(formatLine({ type: "seen-event", time, hash: hashOf(each.hash) }));
          }
        }
        const end = lines.length > 0 ? 1 + (cutAt % lines.length) : 0;
        const state = replayed(lines.slice(0, end).join(""));
        const toldBefore = toldThen[end - 1] ?? new Set();
        const seen = state.seenEvents();
        expect(seen !== undefined).toBe(state.eventTime > 0);
        if (!seen) {
          expect(toldBefore.size).toBe(0);
          return;
        }
        for (let time = Math.max(state.eventTime + 1 - window, 0); time <= state.eventTime; time++) {
          for (const hash of [h1, h2, h3]) {
            const isNews = time >= seen.fromTime && !seen.hashes.get(time)?.has(hash);
            expect([time, hash, isNews]).toEqual([time, hash, !toldBefore.has(`${time} ${hash}`)]);
          }
        }
      }),
    );
  });
});

describe("the file", () => {
  test("gets an event's line at once, and a range before the clock; the next run begins with what it says", async () => {
    const path = newPath();
    const snapshot = await openSnapshot(path, { rejoinAfterLeave: false });
    expect(snapshot.restored.seenEvents).toBeUndefined();
    snapshot.clocks(times(0, 0));
    await snapshot.flush();
    snapshot.seenEvent(1, h1);
    snapshot.seenEvent(3, h2);
    await expect
      .poll(() => readFileSync(path, "utf8"), { interval: 5, timeout: 400 })
      .toBe(`# seen-range: 0 0\n# seen-event: 1 ${h1}\n# seen-event: 3 ${h2}\n`);
    snapshot.clocks(times(3, 0));
    snapshot.clocks(times(3, 0));
    await snapshot.flush();
    snapshot.clocks(times(3, 2));
    await snapshot.close();
    snapshot.seenEvent(4, h3);
    expect(readFileSync(path, "utf8")).toMatch(/\n# seen-range: 0 3\nevent-clock: 3\n# seen-range: 2 3\n$/);
    const again = await openSnapshot(path, { rejoinAfterLeave: false });
    const { seenEvents } = again.restored;
    again.seenEvent(5, h3);
    expect(plain(seenEvents)).toEqual({ from: 2, events: [[3, h2]] });
    await again.close();
  });

  test("names the time for Serf in the next run, when this one died before", async () => {
    const path = newPath();
    writeFileSync(path, `# seen-range: 1 2\nevent-clock: 2\n# seen-event: 4 ${h1}\n`);
    const snapshot = await openSnapshot(path, { rejoinAfterLeave: false });
    snapshot.clocks(times(4, 1));
    await snapshot.close();
    expect(readFileSync(path, "utf8")).toMatch(/\n# seen-range: 1 4\nevent-clock: 4\n$/);
  });

  test("stays as short as ever, however many events there are, and keeps the window", async () => {
    const path = newPath();
    const snapshot = await openSnapshot(path, { rejoinAfterLeave: false });
    let largest = 0;
    for (let time = 1; time <= 20_000; time++) {
      snapshot.seenEvent(time, eventHash("deploy", null));
      if (time % 100 > 0) continue;
      snapshot.clocks(times(time, Math.max(time - 511, 0)));
      await snapshot.flush();
      largest = Math.max(largest, statSync(path).size);
    }
    await snapshot.close();
    expect(largest).toBeLessThan(140 * 1024);
    const again = await openSnapshot(path, { rejoinAfterLeave: false });
    const { fromTime, hashes } = again.restored.seenEvents!;
    expect([fromTime, hashes.size]).toEqual([19_489, 512]);
    await again.close();
  });
});
