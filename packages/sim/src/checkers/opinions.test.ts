import { lanConfig, type MemberStateName, type MemberView, type SwimEvent } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { Clocks, Place } from "../sim-node.ts";
import type { Step, Watched } from "./checker.ts";
import { Opinions } from "./opinions.ts";

const { gossipToTheDeadMs } = lanConfig;

/** What one node sees of "m", at times of its own. */
function watch(config = lanConfig) {
  const steps: Step[] = [];
  const opinions = new Opinions(config, (step) => steps.push(step));
  const clocks = new Clocks();
  const place = new Place(0, { address: "10.0.0.1", port: 7946 }, 0, clocks);
  const node = { place, name: "n", statuses: undefined, startedAt: 0 } as Partial<Watched> as Watched;
  const view = (state: MemberStateName, incarnation: number, since: number, host = 2): MemberView => ({
    name: "m",
    addr: Uint8Array.of(10, 0, 0, host),
    port: 7946,
    endpoint: { address: `10.0.0.${host}`, port: 7946 },
    meta: new Uint8Array(0),
    vsn: new Uint8Array(6),
    incarnation,
    state,
    since,
  });
  const event = (at: number, told: SwimEvent) => {
    clocks.told[0] = at;
    opinions.onEvent(node, told);
    return steps.at(-1)!;
  };
  return {
    steps,
    look(at: number, ...members: MemberView[]) {
      clocks.told[0] = at;
      opinions.onLook(node, members);
      return steps.at(-1)!;
    },
    joins: (at: number, incarnation: number, host = 2) =>
      event(at, { type: "member-join", member: view("alive", incarnation, at, host) }),
    dies: (at: number, incarnation: number) =>
      event(at, {
        type: "evidence",
        name: "m",
        evidence: { type: "dead", at, incarnation, from: "n", suspectedForMs: 1 },
      }),
    leaves: (at: number, incarnation: number) =>
      event(at, { type: "evidence", name: "m", evidence: { type: "left", at, incarnation, from: "m" } }),
    view,
  };
}

describe("an incarnation may begin anew", () => {
  it("after the death was forgotten, by the node's own clock, and not before", () => {
    for (const [afterMs, excuse] of [
      [gossipToTheDeadMs, undefined],
      [gossipToTheDeadMs + 1, "forgotten"],
    ] as const) {
      const seen = watch();
      seen.joins(0, 3);
      seen.dies(1000, 3);
      expect(seen.joins(1000 + afterMs, 1)).toMatchObject({ excuse, before: { state: "dead", incarnation: 3 } });
    }
  });

  it("not because the table has lost the member too early", () => {
    const seen = watch();
    seen.look(0, seen.view("dead", 3, 0));
    seen.look(500);
    expect(seen.joins(1000, 1).excuse).toBeUndefined();
  });

  it("not for one that was alive and has vanished from the table", () => {
    const seen = watch();
    seen.look(0, seen.view("alive", 3, 0));
    seen.look(100_000);
    expect(seen.look(200_000, seen.view("alive", 2, 150_000)).excuse).toBeUndefined();
  });

  it("at another address, for a name that is free", () => {
    const seen = watch();
    seen.joins(0, 3);
    seen.dies(1000, 3);
    expect(seen.joins(1100, 1, 9).excuse).toBe("moved");
    seen.leaves(2000, 1);
    expect(seen.joins(2000, 1, 5).excuse).toBe("moved");
    seen.dies(3000, 1);
    expect(seen.joins(3100, 1, 5).excuse).toBeUndefined();
  });

  it("at another address, when the dead must wait for it, only after that", () => {
    for (const [afterMs, excuse] of [
      [4999, undefined],
      [5000, "moved"],
    ] as const) {
      const seen = watch({ ...lanConfig, deadNodeReclaimMs: 5000 });
      seen.joins(0, 3);
      seen.dies(1000, 3);
      expect(seen.joins(1000 + afterMs, 1, 9).excuse).toBe(excuse);
    }
  });

  it("not at another address for one that is alive", () => {
    const seen = watch();
    seen.joins(0, 3);
    expect(seen.joins(1000, 1, 9)).toMatchObject({ excuse: undefined, after: { incarnation: 1 } });
  });
});

it("each change is one step, in whatever way it is seen", () => {
  const seen = watch();
  seen.joins(0, 1);
  seen.look(10, seen.view("alive", 1, 0));
  seen.dies(20, 1);
  seen.look(30, seen.view("dead", 1, 20));
  expect(seen.steps.map(({ before, after }) => [before?.state, after.state])).toEqual([
    [undefined, "alive"],
    ["alive", "dead"],
  ]);
});
