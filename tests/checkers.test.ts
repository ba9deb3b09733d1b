/**
 * Each checker catches a bug planted for it: the protocol is broken on purpose, by a codec that tampers with messages, by
 * settings that differ from those of the pool, or by a machine that overrides a part. The unbroken protocol passes the
 * same run.
 */
import {
  type Alive,
  type Codec,
  MemberState,
  MessageType,
  type PacketMessage,
  type PacketSink,
  type PushPullNode,
  type StreamMessage,
  Swim,
  type SwimConfig,
  type SwimEvent,
  type SwimOptions,
  type Transmit,
} from "@hearsay/core";
import { type Fault, runSwarm, type SwarmOptions, type SwarmResult, type SwarmSettings } from "@hearsay/sim";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Claims } from "../packages/core/src/claims.ts";
import { MemberTable } from "../packages/core/src/member-table.ts";

type Settings = Partial<Omit<SwarmSettings, "config">> & { readonly config?: Partial<SwimConfig> };

interface Plant {
  /** Name of the checker that has to object. */
  readonly checker: string;
  readonly message: RegExp;
  readonly faults: readonly Fault[];
  readonly settings?: Settings;
  /** Default 1. */
  readonly seed?: number;
  /** Breaks one machine. */
  readonly broken: (options: SwimOptions) => Swim;
}

const base = { nodes: 8, profile: "lan", config: {}, fidelity: "bytes", converged: true, breakMs: 60_000 } as const;
const victim = "node-03";
const victimNumber = 3;

/** Long enough for everybody to take it for dead. */
const blocked: Fault = { kind: "block", at: 2000, node: victimNumber, ms: 45_000 };
const meta = (at: number, node = victimNumber): Fault => ({ kind: "meta", at, node, bytes: 100 });

const plants: Readonly<Record<string, Plant>> = {
  "a node that never refutes stays dead": {
    checker: "lasting-deaths",
    message: /node-03 is dead here/,
    faults: [blocked],
    // Or its death would be forgotten, and it learned anew.
    settings: { config: { gossipToTheDeadMs: 3_600_000 } },
    broken: onVictim((options) => {
      const isAboutUs = (node: string) => node === options.name;
      return new Swim({
        ...options,
        codec: new TamperedCodec(options.codec, {
          packet: (m) =>
            (m.type === MessageType.suspect || m.type === MessageType.dead) && isAboutUs(m.node) ? undefined : m,
          node: (entry) => (isAboutUs(entry.name) ? undefined : entry),
        }),
      });
    }),
  },
  "a node that takes nobody back for alive": {
    checker: "lasting-deaths",
    message: /node-03 is (dead|unknown) here/,
    faults: [blocked],
    broken: on("node-05", (options) => {
      const isAlive = (node: string) => node === victim;
      return new Swim({
        ...options,
        codec: new TamperedCodec(options.codec, {
          packet: (m) => (m.type === MessageType.alive && isAlive(m.node) ? undefined : m),
          node: (entry) => (entry.name === victim && entry.state === 0 ? undefined : entry),
        }),
      });
    }),
  },
  "a node whose view has another meta": {
    checker: "agreement",
    message: /node-03: other meta here than by itself/,
    faults: [meta(5000)],
    broken: on("node-05", (options) => {
      const spoil = <T extends Alive | PushPullNode>(claim: T): T => ({ ...claim, meta: Uint8Array.of(1) });
      return new Swim({
        ...options,
        codec: new TamperedCodec(options.codec, {
          packet: (m) => (m.type === MessageType.alive && m.node === victim ? spoil(m) : m),
          node: (entry) => (entry.name === victim ? spoil(entry) : entry),
        }),
      });
    }),
  },
  "a node that goes on accusing when all are well": {
    checker: "agreement",
    message: /after all had agreed/,
    faults: [],
    broken: onVictim((options) => new Deaf(options, 38_000, 44_000)),
    settings: { breakMs: 5000 },
  },
  "a node that lowers its own incarnation": {
    checker: "incarnations",
    message: /sends alive incarnation 1 of itself after [23]/,
    faults: [meta(5000), meta(10_000)],
    broken: onVictim((options) => {
      const lowered = (m: PacketMessage) => m.type === MessageType.alive && m.node === victim && m.incarnation === 3;
      return new Swim({
        ...options,
        codec: new TamperedCodec(options.codec, {
          sent: (m) => (lowered(m) ? ({ ...m, incarnation: 1 } as PacketMessage) : m),
        }),
      });
    }),
  },
  "a node that raises the incarnation of another": {
    checker: "incarnations",
    message: /holds incarnation 4 of node-03, who never went beyond/,
    faults: [meta(5000)],
    broken: on("node-05", (options) => {
      return new Swim({
        ...options,
        codec: new TamperedCodec(options.codec, {
          packet: (m) => (m.type === MessageType.alive && m.node === victim ? { ...m, incarnation: 4 } : m),
        }),
      });
    }),
  },
  "a node that sends its broadcasts too often": {
    checker: "transmissions",
    message: /sent "alive node-03 2 .*" \d+ times, \d allowed/,
    faults: [meta(5000)],
    broken: onVictim((options) => new Swim({ ...options, config: { ...options.config, retransmitMult: 12 } })),
  },
  "a node that passes user messages on too often": {
    checker: "transmissions",
    message: /sent "user .*" \d+ times, \d allowed/,
    faults: [{ kind: "broadcast", at: 5000, node: 1, count: 2, bytes: 100 }],
    broken: onVictim((options) => new Swim({ ...options, config: { ...options.config, retransmitMult: 12 } })),
  },
  "a node that builds too large a packet": {
    checker: "packet-sizes",
    message: /a packet of \d+ parts and \d+ bytes, 1400 allowed/,
    faults: [{ kind: "broadcast", at: 5000, node: victimNumber, count: 20, bytes: 300 }],
    broken: onVictim((options) => new Swim({ ...options, config: { ...options.config, maxPacketBytes: 4000 } })),
  },
  "a node whose packets nobody can read": {
    checker: "packet-sizes",
    message: /cannot be read: crc-mismatch/,
    faults: [meta(5000)],
    broken: onVictim((options) => {
      const codec = new TamperedCodec(options.codec, {
        sealed: (out) => {
          if (out.buffer[0] === 12) out.buffer[1]! ^= 1;
        },
      });
      return new Swim({ ...options, codec });
    }),
  },
  "a node that never forgets": {
    checker: "queues",
    message: /node-06 is dead and still remembered after \d+ ms/,
    faults: [{ kind: "crash", at: 2000, node: 6, host: true, backAfterMs: undefined, memory: false, elsewhere: false }],
    settings: { breakMs: 200_000 },
    broken: onVictim((options) => new Swim({ ...options, config: { ...options.config, gossipToTheDeadMs: 1e9 } })),
  },
  "a node that swallows user messages": {
    checker: "delivery",
    message: /\d+ of 12 broadcasts never came/,
    faults: [],
    settings: { breakMs: 5000 },
    broken: onVictim((options) => new Mute(options)),
  },
  "a node that keeps user messages to itself": {
    checker: "delivery",
    message: /a broadcast of its never came to 7 members/,
    // It is among those who speak at the end.
    seed: 3,
    faults: [],
    settings: { breakMs: 5000 },
    broken: onVictim((options) => {
      const codec = new TamperedCodec(options.codec, {
        sent: (m) => (m.type === MessageType.user ? { type: MessageType.nack, seqNo: 0 } : m),
      });
      return new Swim({ ...options, codec });
    }),
  },
};

const soundRuns = new Map<string, SwarmResult>();

afterEach(() => vi.restoreAllMocks());

describe.each(Object.entries(plants))("%s", (_name, plant) => {
  const seed = plant.seed ?? 1;
  const options = { seed, faults: plant.faults, settings: { ...base, ...plant.settings } };

  it("is caught", () => {
    const { violations } = runSwarm({ ...options, machine: plant.broken });
    const found = violations.filter(({ checker }) => checker === plant.checker);
    expect(found.map(({ message }) => message).join("\n")).toMatch(plant.message);
    expect(violations.every((found) => found.seed === seed && found.at > 0 && found.node.startsWith("node-"))).toBe(
      true,
    );
  });

  it("and the unbroken protocol passes", () => {
    expect(unbroken(options).violations).toEqual([]);
  });
});

describe("dead and alive by one incarnation", () => {
  // Back before its death is forgotten.
  const options = { seed: 1, faults: [{ ...blocked, ms: 25_000 }], settings: base };

  it("is caught where the dead come back without a higher one", () => {
    const { incarnation } = MemberTable.prototype;
    const { applyAlive } = Claims.prototype;
    let judging = false;
    vi.spyOn(Claims.prototype, "applyAlive").mockImplementation(function (this: Claims, ...args) {
      judging = true;
      try {
        return applyAlive.apply(this, args);
      } finally {
        judging = false;
      }
    });
    // What alive(i) is held against, once the member is dead by i.
    vi.spyOn(MemberTable.prototype, "incarnation").mockImplementation(function (this: MemberTable, id: number) {
      return incarnation.call(this, id) - (judging && this.state(id) === MemberState.dead ? 1 : 0);
    });
    const { violations } = runSwarm({
      ...options,
      machine: onVictim((own) => {
        // It has not heard of its death, and says that it is alive.
        const codec = new TamperedCodec(own.codec, {
          packet: (m) => (m.type === MessageType.suspect || m.type === MessageType.dead ? undefined : m),
          node: (entry) => (entry.name === victim ? undefined : entry),
        });
        return new Swim({ ...own, codec });
      }),
    });
    const found = violations.filter(({ checker }) => checker === "resurrections");
    expect(found.map(({ message }) => message)).toContain("node-03 went from dead to alive by the one incarnation 1");
  });

  it("does not happen in the unbroken protocol", () => {
    expect(unbroken(options).violations).toEqual([]);
  });
});

describe("a violation", () => {
  it("carries what explains it: of the node and the member concerned, a line each", () => {
    const { checker, faults, settings, broken } = plants["a node that never refutes stays dead"]!;
    const run = { seed: 1, faults, settings: { ...base, ...settings }, machine: broken };
    const found = runSwarm(run).violations.find((violation) => violation.checker === checker)!;
    const [legend = "", ...lines] = found.trace;
    expect(legend).toMatch(/time, s {2}node +about +what +inc +detail/);
    expect(lines.length).toBeGreaterThan(3);
    const column = legend.indexOf("about");
    for (const line of lines) {
      expect(line.slice(legend.indexOf("node"), column).trim()).toMatch(/^(\*|node-03|node-0\d)$/);
      expect(line.slice(column, legend.indexOf("what")).trim()).toMatch(/^(\*|node-03)$/);
    }
    expect(lines.some((line) => line.includes("block"))).toBe(true);
    expect(lines.some((line) => / dead +1 /.test(line))).toBe(true);
  });
});

/** Plants with the same faults share the run. */
function unbroken(options: SwarmOptions): SwarmResult {
  const key = JSON.stringify(options);
  const result = soundRuns.get(key) ?? runSwarm(options);
  soundRuns.set(key, result);
  return result;
}

function on(name: string, broken: (options: SwimOptions) => Swim): (options: SwimOptions) => Swim {
  return (options) => (options.name === name ? broken(options) : new Swim(options));
}

function onVictim(broken: (options: SwimOptions) => Swim): (options: SwimOptions) => Swim {
  return on(victim, broken);
}

interface Tampering {
  /** A message of a packet that came in; undefined swallows it. */
  readonly packet?: (message: PacketMessage) => PacketMessage | undefined;
  /** An entry of a push/pull that came in. */
  readonly node?: (node: PushPullNode) => PushPullNode | undefined;
  /** A broadcast on its way out. */
  readonly sent?: (message: PacketMessage) => PacketMessage;
  /** A packet on its way out. */
  readonly sealed?: (out: Transmit) => void;
}

/** A codec that changes what passes through it. */
class TamperedCodec implements Codec {
  readonly maxPacketBytes: number;
  readonly scratch: Uint8Array;
  readonly #real: Codec;
  readonly #tampering: Tampering;

  constructor(real: Codec, tampering: Tampering) {
    this.maxPacketBytes = real.maxPacketBytes;
    this.scratch = real.scratch;
    this.#real = real;
    this.#tampering = tampering;
  }

  packetOverhead(): number {
    return this.#real.packetOverhead();
  }

  encode(message: PacketMessage): Uint8Array {
    return this.#real.encode(this.#tampering.sent?.(message) ?? message);
  }

  encodeInto(message: PacketMessage, target: Uint8Array, offset: number): number {
    return this.#real.encodeInto(message, target, offset);
  }

  sealPacket(
    out: Transmit,
    head: Uint8Array,
    headLength: number,
    parts: Uint8Array[],
    count: number,
    crc: boolean,
  ): void {
    this.#real.sealPacket(out, head, headLength, parts, count, crc);
    this.#tampering.sealed?.(out);
  }

  openPacket(bytes: Uint8Array, sink: PacketSink): void {
    const change = this.#tampering.packet;
    if (change === undefined) {
      this.#real.openPacket(bytes, sink);
      return;
    }
    this.#real.openPacket(bytes, {
      onPing: (message) => sink.onPing(message),
      onIndirectPing: (message) => sink.onIndirectPing(message),
      onAck: (message) => sink.onAck(message),
      onNack: (message) => sink.onNack(message),
      onUser: (message) => sink.onUser(message),
      onDrop: (reason) => sink.onDrop(reason),
      onSuspect: (message) => {
        const changed = change(message);
        if (changed?.type === MessageType.suspect) sink.onSuspect(changed);
      },
      onDead: (message) => {
        const changed = change(message);
        if (changed?.type === MessageType.dead) sink.onDead(changed);
      },
      onAlive: (message) => {
        const changed = change(message);
        if (changed?.type === MessageType.alive) sink.onAlive(changed);
      },
    });
  }

  encodeStream(message: StreamMessage, initiator: boolean): Uint8Array {
    return this.#real.encodeStream(message, initiator);
  }

  streamReader(acceptor: boolean) {
    const reader = this.#real.streamReader(acceptor);
    const { node } = this.#tampering;
    const change = <T extends object>(result: T): T => {
      if (node === undefined || !("nodes" in result)) return result;
      const nodes = (result.nodes as PushPullNode[]).flatMap((entry) => node(entry) ?? []);
      return { ...result, nodes };
    };
    return {
      push: (chunk: Uint8Array) => {
        const result = reader.push(chunk);
        return result && change(result);
      },
      end: () => change(reader.end()),
    };
  }
}

/** Hears no acks for a while, and so accuses everybody. */
class Deaf extends Swim {
  readonly #fromMs: number;
  readonly #toMs: number;

  constructor(options: SwimOptions, fromMs: number, toMs: number) {
    super(options);
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  override handlePacket(...args: Parameters<Swim["handlePacket"]>): void {
    const [, , now] = args;
    if (now < this.#fromMs || now > this.#toMs) super.handlePacket(...args);
  }

  override handleStreamReply(...args: Parameters<Swim["handleStreamReply"]>): void {
    const [, , now] = args;
    if (now < this.#fromMs || now > this.#toMs) super.handleStreamReply(...args);
  }
}

/** Keeps user messages from the layer above. */
class Mute extends Swim {
  override pollEvent(): SwimEvent | undefined {
    const event = super.pollEvent();
    return event?.type === "user-message" ? this.pollEvent() : event;
  }
}
