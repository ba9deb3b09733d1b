import { type Endpoint, Rng, type Transmit } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { fidelity } from "../fidelity.ts";
import { endpointOf } from "../pool.ts";
import { AllToAll } from "./all-to-all.ts";
import { Arrivals } from "./arrivals.ts";
import { Central } from "./central.ts";
import { getU16, getU32, putU16, putU32 } from "./fields.ts";
import { GossipHeartbeats } from "./gossip-heartbeats.ts";
import { type HeartbeatMachine, type HeartbeatOptions, maxDatagramBytes } from "./heartbeat-machine.ts";
import { memberBytes, Roster } from "./roster.ts";
import { Silence } from "./silence.ts";

const { codec } = fidelity("bytes");
const timeoutMs = 6500;

function roster(nodes: number): Roster {
  return new Roster(Array.from({ length: nodes }, (_, i) => endpointOf(i)));
}

function common(self: number, members: Roster): HeartbeatOptions {
  return { roster: members, self, intervalMs: 1000, rng: new Rng(1).fork(`machine ${self}`), codec };
}

const kinds: readonly (readonly [string, (self: number, members: Roster) => HeartbeatMachine])[] = [
  ["central", (self, members) => new Central({ ...common(self, members), master: 0, timeoutMs })],
  ["all-to-all", (self, members) => new AllToAll({ ...common(self, members), timeoutMs })],
  ["gossip", (self, members) => new GossipHeartbeats({ ...common(self, members), seeds: [0, 1], phi: 4 })],
];

interface Sent {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

function drain(machine: HeartbeatMachine): Sent[] {
  const out: Transmit = { buffer: new Uint8Array(9000), length: 0, to: { address: "", port: 0 } };
  const sent: Sent[] = [];
  while (machine.pollTransmit(out)) sent.push({ to: out.to, bytes: out.buffer.slice(0, out.length) });
  return sent;
}

/** Everything a machine sends in so many beats of its own, alone. */
function alone(machine: HeartbeatMachine, beats: number): Sent[] {
  machine.start(0);
  const sent: Sent[] = [];
  for (let i = 0; i < beats; i++) {
    machine.handleTimeout(machine.nextDeadline());
    sent.push(...drain(machine));
  }
  return sent;
}

describe("fields", () => {
  it("read what was written", () => {
    const bytes = new Uint8Array(6);
    expect(putU16(bytes, putU32(bytes, 0, 0xfedcba98), 0xabcd)).toBe(6);
    expect([getU32(bytes, 0), getU16(bytes, 4)]).toEqual([0xfedcba98, 0xabcd]);
  });
});

describe("the roster", () => {
  it("finds members by endpoint and on the wire, and nobody else", () => {
    const members = roster(300);
    const bytes = new Uint8Array(memberBytes);
    expect(members.put(bytes, 0, 299)).toBe(memberBytes);
    expect([...bytes]).toEqual([10, 0, 1, 44, 0x1f, 0x0a]);
    expect(members.get(bytes, 0)).toBe(299);
    expect(members.find({ address: "10.0.1.44", port: 7946 })).toBe(299);
    expect(members.find({ address: "10.0.1.44", port: 7947 })).toBe(-1);
    expect(members.find({ address: "10.0.2.1", port: 7946 })).toBe(-1);
    bytes[5] = 0;
    expect(members.get(bytes, 0)).toBe(-1);
  });

  it("refuses what it could not tell apart or write", () => {
    expect(() => new Roster([endpointOf(0), endpointOf(0)])).toThrow("10.0.0.1 is there twice");
    expect(() => new Roster([{ address: "::1", port: 1 }])).toThrow("no IPv4 address");
  });
});

describe("silence", () => {
  it("convicts at the timeout, and says when to look again", () => {
    const silence = new Silence(3, 100);
    expect(silence.begin(0)).toBe(100);
    silence.heard(1, 30);
    const overdue: number[] = [];
    const look = (now: number) =>
      silence.check(
        now,
        (member) => member !== 2,
        (member) => overdue.push(member),
      );
    expect(look(99)).toBe(100);
    expect(overdue).toEqual([]);
    expect(look(100)).toBe(130);
    expect(overdue).toEqual([0]);
  });
});

describe("phi", () => {
  it("is t / (mean ln 10): 8 at 18.4 mean intervals", () => {
    const arrivals = new Arrivals(1, 1000, 2000);
    arrivals.begin(0);
    expect(arrivals.phi(0, 18_421)).toBeCloseTo(8, 3);
    for (let now = 500; now <= 500_000; now += 500) arrivals.arrived(0, now);
    expect(arrivals.meanMs(0)).toBeCloseTo(500, -2);
    expect(arrivals.phi(0, 500_000 + 9210)).toBeCloseTo(8, 0);
  });

  it("learns no patience from an outage", () => {
    const arrivals = new Arrivals(1, 1000, 2000);
    arrivals.begin(0);
    arrivals.arrived(0, 60_000);
    expect(arrivals.meanMs(0)).toBe(1000);
    expect(arrivals.phi(0, 60_000)).toBe(0);
  });
});

describe.each(kinds)("a machine of %s", (name, make) => {
  it("never throws on what a peer sends, and holds on to its verdicts", () => {
    const machine = make(0, roster(20));
    machine.start(0);
    const rng = new Rng(2);
    for (let i = 0; i < 5000; i++) {
      const bytes = new Uint8Array(rng.below(60));
      for (let at = 0; at < bytes.length; at++) bytes[at] = rng.below(256);
      // Often a known type with a small count, so that the inner parts are reached.
      if (bytes.length > 2 && i % 2 === 0) bytes.set([1 + rng.below(3), 0, rng.below(4)]);
      machine.handlePacket(endpointOf(rng.below(25)), bytes, 10);
    }
    expect(machine.drops).toBeGreaterThan(1000);
    for (let member = 0; member < 20; member++) expect(machine.holdsAlive(member)).toBe(true);
    expect(machine.pollEvent()).toBeUndefined();
  });

  it("holds everyone for dead whom it is there to watch, when alone; itself never", () => {
    const machine = make(1, roster(20));
    alone(machine, 60);
    const dead = Array.from({ length: 20 }, (_, i) => i).filter((member) => !machine.holdsAlive(member));
    // A member of the central strategy watches the master and leaves the others to it.
    expect(dead).toHaveLength(name === "central" ? 1 : 19);
    expect(dead).not.toContain(1);
    for (const member of dead) expect(machine.since(member)).toBeGreaterThan(5000);
    const told = new Set<number>();
    for (let event = machine.pollEvent(); event; event = machine.pollEvent()) {
      expect(event.type).toBe("member-dead");
      expect(told.has(event.member)).toBe(false);
      told.add(event.member);
    }
    expect([...told].sort((a, b) => a - b)).toEqual(dead);
  });

  it("keeps datagrams within the limit, whatever the size of the pool", () => {
    for (const { bytes } of alone(make(1, roster(500)), 3)) expect(bytes.length).toBeLessThanOrEqual(maxDatagramBytes);
  });
});

describe("what a beat sends", () => {
  it("all-to-all: five bytes to everyone else, once", () => {
    const sent = alone(new AllToAll({ ...common(3, roster(10)), timeoutMs }), 1);
    expect(sent.map(({ to }) => to.address)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9].map((i) => endpointOf(i).address));
    expect(new Set(sent.map(({ bytes }) => bytes.length))).toEqual(new Set([5]));
  });

  it("central: nine bytes to the master, who sends nothing unasked", () => {
    const members = roster(10);
    expect(alone(new Central({ ...common(3, members), master: 0, timeoutMs }), 1)).toMatchObject([
      { to: endpointOf(0), bytes: { length: 9 } },
    ]);
    expect(alone(new Central({ ...common(0, members), master: 0, timeoutMs }), 1)).toEqual([]);
  });

  it("gossip: a digest of fourteen bytes for each member, in as many datagrams as it takes", () => {
    const sent = alone(new GossipHeartbeats({ ...common(3, roster(250)), seeds: [], phi: 4 }), 1);
    expect(sent.map(({ bytes }) => bytes.length)).toEqual([3 + 14 * 99, 3 + 14 * 99, 3 + 14 * 52]);
    expect(new Set(sent.map(({ to }) => to.address)).size).toBe(1);
  });
});

describe("an exchange of gossip", () => {
  function pair() {
    const members = roster(3);
    const [a, b] = [0, 1].map((self) => new GossipHeartbeats({ ...common(self, members), seeds: [], phi: 4 })) as [
      GossipHeartbeats,
      GossipHeartbeats,
    ];
    for (const machine of [a, b]) machine.start(0);
    return { a, b };
  }

  it("leaves both with the newest of each, in three messages", () => {
    const { a, b } = pair();
    for (const machine of [a, b]) {
      for (let i = 0; i < 3; i++) {
        machine.handleTimeout(machine.nextDeadline());
        // Lost.
        drain(machine);
      }
    }
    a.handleTimeout(a.nextDeadline());
    const [syn] = drain(a);
    b.handlePacket(endpointOf(0), syn!.bytes, 4000);
    const [ack, none] = drain(b);
    expect(none).toBeUndefined();
    a.handlePacket(endpointOf(1), ack!.bytes, 4001);
    expect(a.version(1)).toBe(3);
    expect(b.version(0)).toBe(0);
    const [ack2] = drain(a);
    b.handlePacket(endpointOf(0), ack2!.bytes, 4002);
    expect(b.version(0)).toBe(4);
    expect(drain(b)).toEqual([]);
  });

  it("takes a counter that moved for a sign of life, and a higher generation over any counter", () => {
    const { b } = pair();
    for (let i = 0; i < 30; i++) b.handleTimeout(b.nextDeadline());
    expect(b.holdsAlive(2)).toBe(false);
    const delta = (generation: number, version: number) => {
      const bytes = new Uint8Array(3 + 14);
      bytes[0] = 3;
      putU16(bytes, 1, 1);
      putU32(bytes, putU32(bytes, roster(3).put(bytes, 3, 2), generation), version);
      return bytes;
    };
    b.handlePacket(endpointOf(0), delta(1, 0), 31_000);
    expect(b.holdsAlive(2)).toBe(false);
    b.handlePacket(endpointOf(0), delta(1, 50), 31_001);
    expect(b.holdsAlive(2)).toBe(true);
    expect(b.since(2)).toBe(31_001);
    b.handlePacket(endpointOf(0), delta(2, 1), 31_002);
    expect(b.version(2)).toBe(1);
    b.handlePacket(endpointOf(0), delta(1, 99), 31_003);
    expect(b.version(2)).toBe(1);
  });
});
