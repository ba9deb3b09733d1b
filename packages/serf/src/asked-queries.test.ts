import { describe, expect, it } from "vitest";
import { type Asked, AskedQueries, maxOpenQueries } from "./asked-queries.ts";
import { encodeQueryResponse } from "./encode.ts";
import type { QueryResponse } from "./messages.ts";

const ack = { flags: 1, payload: null };

function bench() {
  const heard: string[] = [];
  const drops: string[] = [];
  const asked = new AskedQueries((reason) => drops.push(reason));
  const sink = (label: string) => ({
    onAck: (from: string) => heard.push(`${label} ack ${from}`),
    onResponse: (from: string, payload: Uint8Array) => heard.push(`${label} ${from} ${payload.join()}`),
    onDone: () => heard.push(`${label} done`),
  });
  return {
    asked,
    heard,
    drops,
    sink,
    ask: (label: string, overrides: Partial<Asked> = {}) =>
      asked.add({ lTime: 7, id: 5, deadline: 1000, alive: 3, ...overrides }, sink(label)),
    hear: (from: string, overrides: Partial<QueryResponse> = {}, now = 10) =>
      asked.handleMessage(
        encodeQueryResponse({ lTime: 7, id: 5, from, flags: 0, payload: Uint8Array.of(1), ...overrides }),
        now,
      ),
  };
}

describe("a query of ours (9.1)", () => {
  it("takes one acknowledgement and one answer of each member", () => {
    const { ask, hear, heard, drops } = bench();
    ask("q");
    hear("n2", ack);
    hear("n2");
    hear("n1", { payload: null });
    expect(heard).toEqual(["q ack n2", "q n2 1", "q n1 "]);
    hear("n2", ack);
    hear("n2", { payload: Uint8Array.of(9) });
    expect(heard).toHaveLength(3);
    expect(drops).toEqual(["serf-surplus-response", "serf-surplus-response"]);
  });

  it("expects copies where relays were asked for", () => {
    const { ask, hear, heard, drops } = bench();
    ask("q", { relayed: true });
    for (let i = 0; i < 3; i++) hear("n2");
    expect(heard).toEqual(["q n2 1"]);
    expect(drops).toEqual([]);
  });

  it("takes no more of either than members were alive", () => {
    const { ask, hear, heard, drops } = bench();
    ask("q");
    for (const name of ["a", "b", "c", "d", "e"]) {
      hear(name);
      hear(name, ack);
    }
    expect(heard).toHaveLength(6);
    expect(drops).toEqual(Array.from({ length: 4 }, () => "serf-surplus-response"));
  });

  it.each([
    ["another time", "n1", { lTime: 8 }, 10, "serf-unasked"],
    ["another number", "n1", { id: 6 }, 10, "serf-unasked"],
    ["too late", "n1", {}, 1001, "serf-unasked"],
    ["no name", "", {}, 10, "serf-name"],
    ["too long a name", "x".repeat(256), {}, 10, "serf-name"],
  ])("takes nothing with %s", (_, from, overrides, now, reason) => {
    const { ask, hear, heard, drops } = bench();
    ask("q");
    hear(from, overrides, now);
    expect(heard).toEqual([]);
    expect(drops).toEqual([reason]);
  });

  it("takes nothing that cannot be read", () => {
    const { ask, asked, heard, drops } = bench();
    ask("q");
    asked.handleMessage(Uint8Array.of(5, 0xc1), 10);
    expect([heard, drops]).toEqual([[], ["serf-malformed"]]);
  });

  it("ends at its deadline, not before, and each at its own", () => {
    const { ask, asked, heard } = bench();
    expect(asked.deadline).toBe(Number.POSITIVE_INFINITY);
    ask("late", { lTime: 8, deadline: 2000 });
    ask("early");
    expect(asked.deadline).toBe(1000);
    asked.handleTimeout(999);
    expect(heard).toEqual([]);
    asked.handleTimeout(1000);
    expect(heard).toEqual(["early done"]);
    expect(asked.deadline).toBe(2000);
    asked.handleTimeout(5000);
    expect(heard).toEqual(["early done", "late done"]);
    expect([asked.length, asked.deadline]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it("ends when all who were expected have answered", () => {
    const { ask, hear, heard, asked } = bench();
    ask("q", { expected: new Set(["n1", "n2"]), alive: 5 });
    hear("n1", ack);
    hear("n2", ack);
    hear("n1");
    hear("n3");
    expect(asked.length).toBe(1);
    hear("n2");
    expect(heard.at(-1)).toBe("q done");
    expect([asked.length, asked.deadline]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it("ends when all have acknowledged, where that was the point", () => {
    const { ask, hear, heard } = bench();
    ask("q", { expected: new Set(["n1", "n2"]), ackSuffices: true });
    hear("n1");
    hear("n1", ack);
    hear("n2", ack);
    expect(heard.at(-1)).toBe("q done");
  });

  it("ends at once when nobody is expected", () => {
    const { ask, asked, heard } = bench();
    const ticket = ask("q", { expected: new Set() });
    expect(heard).toEqual([]);
    asked.settle(ticket);
    expect(heard).toEqual(["q done"]);
    const patient = ask("p", { expected: new Set(["n1"]) });
    asked.settle(patient);
    expect(asked.length).toBe(1);
  });

  it("says nothing more once it was ended, and may be ended again", () => {
    const { ask, asked, hear, heard, drops } = bench();
    const { handle } = ask("q");
    ask("other", { lTime: 8, deadline: 3000 });
    asked.end(handle);
    asked.end(handle);
    asked.end(77);
    expect(asked.deadline).toBe(3000);
    hear("n1");
    asked.handleTimeout(2000);
    expect(heard).toEqual([]);
    expect(drops).toEqual(["serf-unasked"]);
  });

  it("may be ended from within its own sink", () => {
    const { asked, hear } = bench();
    const heard: string[] = [];
    const { handle } = asked.add(
      { lTime: 7, id: 5, deadline: 1000, alive: 3, expected: new Set(["n1"]) },
      {
        onResponse: (from) => {
          heard.push(from);
          asked.end(handle);
        },
        onDone: () => heard.push("done"),
      },
    );
    hear("n1");
    expect(heard).toEqual(["n1"]);
  });

  it("is one of a bounded number", () => {
    const { ask, asked } = bench();
    const handles = new Set<number>();
    for (let lTime = 1; lTime <= maxOpenQueries; lTime++) {
      asked.requireRoom(lTime);
      handles.add(ask("q", { lTime }).handle);
    }
    expect(handles.size).toBe(maxOpenQueries);
    expect(() => asked.requireRoom(9999)).toThrow(expect.objectContaining({ code: "too-many-queries" }));
    asked.handleTimeout(1000);
    asked.requireRoom(9999);
  });

  it("never takes the place of another of the same time", () => {
    const { ask, asked } = bench();
    ask("q");
    expect(() => asked.requireRoom(7)).toThrow(expect.objectContaining({ code: "too-many-queries" }));
  });
});
