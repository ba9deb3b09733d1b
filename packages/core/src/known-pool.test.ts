/** Warm starts: a machine that begins with a pool it knows. */
import { createCodec } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { lanConfig, type SwimConfig } from "./config.ts";
import { type KnownMember, KnownPool } from "./known-pool.ts";
import { MemberTable } from "./member-table.ts";
import { MemberState } from "./messages.ts";
import { NameTable } from "./names.ts";
import { Rng } from "./rng.ts";
import { Swim } from "./swim.ts";

/** More than a table starts with. */
const pageSize = 256;
const vsn = Uint8Array.of(1, 5, 2, 0, 0, 0);

function member(i: number, overrides: Partial<KnownMember> = {}): KnownMember {
  return { name: `n${i}`, addr: Uint8Array.of(10, 0, i >> 8, i & 255), port: 7946, vsn, incarnation: 1, ...overrides };
}

function known(count: number, names = new NameTable()): KnownPool {
  return new KnownPool(
    names,
    Array.from({ length: count }, (_, i) => member(i)),
  );
}

function loaded(pool: KnownPool, seed = 1, now = 0): MemberTable {
  const table = new MemberTable(pool.names);
  table.load(pool, new Rng(seed), now);
  return table;
}

const ringOf = (table: MemberTable) => Array.from({ length: table.length }, (_, i) => table.at(i));
const ascending = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);

describe("a table that begins with a known pool", () => {
  it("has its members, all alive, as they were given", () => {
    const names = new NameTable();
    const meta = Uint8Array.of(1, 2);
    const pool = new KnownPool(names, [member(0), member(7, { meta, incarnation: 9, port: 1 })]);
    const table = loaded(pool, 1, 500);
    expect([table.length, table.aliveCount]).toEqual([2, 2]);
    const id = table.find("n7");
    expect(table.state(id)).toBe(MemberState.alive);
    expect(table.incarnation(id)).toBe(9);
    expect(table.changedAt(id)).toBe(500);
    expect(table.record(id)).toEqual({
      name: "n7",
      addr: Uint8Array.of(10, 0, 0, 7),
      port: 1,
      endpoint: { address: "10.0.0.7", port: 1 },
      meta,
      vsn,
    });
    expect(table.find("n1")).toBe(-1);
  });

  it("probes them in an order of its own, each once in a turn", () => {
    const pool = known(300);
    const tables = [1, 2, 3].map((seed) => loaded(pool, seed));
    const rings = tables.map(ringOf);
    for (const ring of rings) expect(ascending(ring)).toEqual([...pool.ids]);
    expect(new Set([[...pool.ids].join(), ...rings.map((ring) => ring.join())]).size).toBe(4);
    expect(ringOf(loaded(pool, 1))).toEqual(rings[0]);
    const [table] = tables as [MemberTable];
    const self = table.find("n0");
    const turn = Array.from({ length: 299 }, () => table.nextToProbe(self, new Rng(1), 0, 1000, () => {}));
    expect(ascending(turn)).toEqual([...pool.ids].filter((id) => id !== self));
  });

  it("shares its records with the others until it learns something, which the others do not see", () => {
    const pool = known(3 * pageSize);
    const [a, b] = [loaded(pool), loaded(pool)];
    const id = 5;
    const other = pageSize + 5;
    const before = [...pool.records];
    const record = a.names.record(id, Uint8Array.of(10, 9, 9, 9), 1, new Uint8Array(0), vsn);
    a.setRecord(id, record);
    a.setState(other, MemberState.dead, 10);
    a.setIncarnation(other, 4);
    expect(a.record(id)).toBe(record);
    expect(b.record(id)).toBe(before[id]);
    expect(b.record(id).endpoint.address).toBe("10.0.0.5");
    // Of all others both have the same objects.
    for (const same of [id + 1, other, 3 * pageSize - 1]) expect(a.record(same)).toBe(b.record(same));
    expect([b.state(other), b.incarnation(other), b.changedAt(other)]).toEqual([MemberState.alive, 1, 0]);
    expect([a.aliveCount, b.aliveCount]).toEqual([3 * pageSize - 1, 3 * pageSize]);
    expect([...pool.records]).toEqual(before);
    expect(loaded(pool).record(id)).toBe(before[id]);
    expect(loaded(pool).state(other)).toBe(MemberState.alive);
  });

  it("forgets the dead without the others", () => {
    const pool = known(10);
    const [a, b] = [loaded(pool), loaded(pool)];
    a.setState(3, MemberState.dead, 100);
    const forgotten: number[] = [];
    a.resetRing(new Rng(1), 300, 50, (id) => forgotten.push(id));
    expect(forgotten).toEqual([3]);
    expect([a.find("n3"), a.length]).toEqual([-1, 9]);
    expect([b.find("n3"), b.length]).toEqual([3, 10]);
    expect(b.record(3).name).toBe("n3");
    // The name is still in use elsewhere: nobody else is given its number.
    expect(a.add("new", new Rng(1), 400)).toBe(10);
    // And it may come back.
    expect(a.add("n3", new Rng(1), 500)).toBe(3);
  });

  it("takes newcomers, beyond those it knew too", () => {
    const pool = known(pageSize);
    const [a, b] = [loaded(pool), loaded(pool)];
    const rng = new Rng(1);
    for (let i = 0; i < 2 * pageSize; i++) {
      const id = a.add(`late${i}`, rng, 10);
      a.setRecord(id, a.names.record(id, Uint8Array.of(11, 0, i >> 8, i & 255), 7946, new Uint8Array(0), vsn));
      a.setState(id, MemberState.alive, 10);
    }
    expect([a.length, a.aliveCount]).toEqual([3 * pageSize, 3 * pageSize]);
    expect(new Set(ringOf(a)).size).toBe(3 * pageSize);
    for (const name of ["n0", `n${pageSize - 1}`, "late0", `late${2 * pageSize - 1}`]) {
      expect(a.record(a.find(name)).name).toBe(name);
    }
    expect([b.length, b.find("late0")]).toEqual([pageSize, -1]);
  });

  it("copes with numbers that are not in a row", () => {
    const names = new NameTable();
    for (let i = 0; i < 2 * pageSize; i++) names.acquire(`stranger${i}`);
    const pool = new KnownPool(names, [member(1), member(2)]);
    const table = loaded(pool);
    expect(ascending(ringOf(table))).toEqual([2 * pageSize, 2 * pageSize + 1]);
    expect(table.find("stranger7")).toBe(-1);
    expect(table.record(table.find("n2")).name).toBe("n2");
  });

  it("is refused twice over, into a table in use, and with other names", () => {
    expect(() => new KnownPool(new NameTable(), [member(1), member(2), member(1)])).toThrow(/n1 is there twice/);
    const pool = known(3);
    const table = loaded(pool);
    expect(() => table.load(pool, new Rng(1), 0)).toThrow(/empty table/);
    expect(() => new MemberTable(new NameTable()).load(pool, new Rng(1), 0)).toThrow(/same names/);
  });

  it("may be nobody", () => {
    expect(loaded(known(0)).length).toBe(0);
  });
});

describe("a machine that begins with a known pool", () => {
  function machine(name: string, names: NameTable, config: Partial<SwimConfig> = {}): Swim {
    return new Swim({
      name,
      addr: Uint8Array.of(10, 0, 0, 1),
      port: 7946,
      config: { ...lanConfig, ...config },
      codec: createCodec(),
      rng: new Rng(3),
      names,
    });
  }

  it("sees everybody alive, tells nobody, and is told of nothing", () => {
    const pool = known(50);
    const swim = machine("n1", pool.names);
    swim.start(1000, pool);
    expect([swim.aliveCount, swim.memberCount]).toEqual([50, 50]);
    expect(swim.members().every(({ state, since }) => state === "alive" && since === 1000)).toBe(true);
    expect(swim.pollEvent()).toBeUndefined();
    expect(swim.pollStream()).toBeUndefined();
    const out = { buffer: new Uint8Array(swim.codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
    expect(swim.pollTransmit(out)).toBe(false);
    expect(swim.queueLength("member")).toBe(0);
    expect(swim.nextDeadline()).toBeLessThan(1000 + 2 * lanConfig.probeIntervalMs);
  });

  it("goes on with its own incarnation, and refutes above it", () => {
    const names = new NameTable();
    const pool = new KnownPool(names, [member(1, { incarnation: 6 }), member(2)]);
    const swim = machine("n1", names);
    swim.start(0, pool);
    expect(swim.local().incarnation).toBe(6);
    const accusation = swim.codec.encode({ type: 3, incarnation: 6, node: "n1", from: "n2" });
    swim.handlePacket({ address: "10.0.0.2", port: 7946 }, accusation, 10);
    expect(swim.local()).toMatchObject({ incarnation: 7, state: "alive" });
  });

  it("probes as any other: in one turn each of the others once", () => {
    const pool = known(12);
    const swim = machine("n1", pool.names, { pushPullIntervalMs: 0, streamPings: false, indirectChecks: 0 });
    swim.start(0, pool);
    const probed: string[] = [];
    const out = { buffer: new Uint8Array(swim.codec.maxPacketBytes), length: 0, to: { address: "", port: 0 } };
    while (probed.length < 11) {
      const now = swim.nextDeadline();
      swim.handleTimeout(now);
      while (swim.pollTransmit(out)) {
        const { address } = out.to;
        swim.codec.openPacket(out.buffer.slice(0, out.length), {
          onPing: ({ seqNo, node }) => {
            probed.push(node);
            const reply = swim.codec.encode({ type: 2, seqNo, payload: null });
            swim.handlePacket({ address, port: 7946 }, reply, now);
          },
          onIndirectPing: fail,
          onAck: fail,
          onNack: fail,
          onSuspect: fail,
          onDead: fail,
          onAlive: fail,
          onUser: fail,
          onDrop: fail,
        });
      }
    }
    expect(probed.sort()).toEqual(
      Array.from({ length: 12 }, (_, i) => `n${i}`)
        .filter((name) => name !== "n1")
        .sort(),
    );
  });

  it("must be one of them, and starts once", () => {
    const pool = known(3);
    expect(() => machine("somebody", pool.names).start(0, pool)).toThrow(/somebody is not in it/);
    const swim = machine("n1", pool.names);
    swim.start(0, pool);
    expect(() => swim.start(0, pool)).toThrow(/already started/);
  });
});

function fail(): never {
  throw new Error("only pings were to be sent");
}
