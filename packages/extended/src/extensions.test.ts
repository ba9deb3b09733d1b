/** What comes between capable nodes when it is not what it should be. Whole pools are in `tests/extended-pool.test.ts`. */
import { type Endpoint, Rng } from "@hearsay/core";
import { describe, expect, it } from "vitest";
import { Capability, capabilitiesOf, capabilityTag, withCapabilities } from "./capabilities.ts";
import { envelopeType, openEnvelope, Sealer, streamPushType } from "./envelope.ts";
import { Extensions } from "./extensions.ts";
import type { ExtendedEvent, ExtensionDropReason } from "./types.ts";

const all = Object.values(Capability).join("");
const endpointOf = (name: string): Endpoint => ({ address: "10.0.0.1", port: name.charCodeAt(0) });
const value = Uint8Array.of(1, 2, 3);

class Side {
  readonly drops: ExtensionDropReason[] = [];
  readonly events: ExtendedEvent[] = [];
  readonly silent: string[] = [];
  readonly it: Extensions;
  readonly name: string;

  constructor(name: string, maxMessageBytes = 1300) {
    this.name = name;
    this.it = new Extensions(
      { wallOffsetMs: 0, generation: 1, life: name.length },
      {
        name,
        rng: new Rng(name.length),
        maxMessageBytes,
        onDrop: (reason) => this.drops.push(reason),
        onEvent: (event) => this.events.push(event),
        onSilent: (who) => this.silent.push(who),
      },
    );
    this.it.state.start(0, 1_790_000_000_000);
  }

  know(...others: Side[]): this {
    for (const { name } of others) this.it.setPeer({ name, endpoint: endpointOf(name), can: all, alive: true }, 0);
    return this;
  }

  packets(): { readonly to: Endpoint; readonly bytes: Uint8Array }[] {
    this.it.drain();
    const packets: { readonly to: Endpoint; readonly bytes: Uint8Array }[] = [];
    for (let packet = this.it.pollPacket(); packet; packet = this.it.pollPacket()) packets.push(packet);
    return packets;
  }
}

/** Lets them do all that is due up to `ms`, and carries what they say. Returns the sizes. */
function run(sides: readonly Side[], ms: number, start = 0): number[] {
  const sizes: number[] = [];
  for (let now = start; now < start + ms; now += 20) {
    for (const side of sides) {
      if (side.it.nextDeadline() <= now) side.it.handleTimeout(now);
      for (const { to, bytes } of side.packets()) {
        sizes.push(bytes.length);
        const target = sides.find(({ name }) => endpointOf(name).port === to.port);
        target?.it.handleMessage(bytes, endpointOf(side.name), now);
      }
    }
  }
  return sizes;
}

describe("the envelope", () => {
  it("gives back the sender and the body, for names up to 255 bytes", () => {
    for (const name of ["a", "ä".repeat(127), "n".repeat(255)]) {
      const sealer = new Sealer(name);
      const sealed = sealer.seal(value);
      expect(sealed.length).toBe(sealer.overhead + 3);
      expect(openEnvelope(sealed)).toEqual({ sender: name, body: value });
      expect(openEnvelope(sealer.seal(value, true))?.body).toEqual(Uint8Array.of(streamPushType, ...value));
    }
  });

  it.each([
    ["nothing", []],
    ["its type alone", [envelopeType]],
    ["another type", [0xe0, 1, 97, 1]],
    ["no name", [envelopeType, 0, 1, 2]],
    ["a name cut short", [envelopeType, 5, 97, 98]],
    ["a name without a body", [envelopeType, 2, 97, 98]],
    ["a name that is no UTF-8", [envelopeType, 2, 0xc3, 0x28, 1]],
  ])("of %s is refused", (_what, bytes) => {
    expect(openEnvelope(Uint8Array.from(bytes))).toBeUndefined();
    const side = new Side("a");
    side.it.handleMessage(Uint8Array.from(bytes), endpointOf("b"), 0);
    side.it.handleStreamMessage(Uint8Array.from(bytes), endpointOf("b"), 0);
    expect(side.drops).toEqual(["extension-malformed", "extension-malformed"]);
  });
});

describe("a message", () => {
  it("of a stranger, of one who names us as the sender, or to a machine that is not here, is refused and counted", () => {
    const side = new Side("a").know(new Side("b"));
    const from = endpointOf("b");
    side.it.handleMessage(new Sealer("stranger").seal(Uint8Array.of(0xe0)), from, 0);
    side.it.handleMessage(new Sealer("a").seal(Uint8Array.of(0xe0)), from, 0);
    for (const type of [0x00, 0xe1, 0xe2, 0xff])
      side.it.handleMessage(new Sealer("b").seal(Uint8Array.of(type)), from, 0);
    side.it.handleStreamMessage(new Sealer("b").seal(Uint8Array.of(0xe8)), from, 0);
    expect(side.drops).toEqual([
      ...new Array(2).fill("extension-stranger"),
      ...new Array(5).fill("extension-unknown-type"),
    ]);
    expect(side.packets()).toEqual([]);
  });

  it("is answered where the member is, wherever it came from: nobody else is made to receive what he did not ask", () => {
    const [a, b] = [new Side("a"), new Side("b")];
    a.know(b);
    b.know(a);
    a.it.state.set("k", value, 0);
    b.it.handleTimeout(2000);
    const [opening] = b.packets();
    a.it.handleMessage(opening!.bytes, { address: "192.0.2.1", port: 9 }, 2000);
    const answers = a.packets();
    expect(answers.length).toBeGreaterThan(0);
    for (const { to } of answers) expect(to).toEqual(endpointOf("b"));
  });

  it("by thousands: one answer at most to each, and what waits is bounded", () => {
    const side = new Side("a").know(new Side("b"));
    side.it.state.set("k", value, 0);
    const other = new Side("b").know(side);
    other.it.handleTimeout(2000);
    const [opening] = other.packets();
    for (let i = 0; i < 5000; i++) side.it.handleMessage(opening!.bytes, undefined, 0);
    expect(side.packets().length).toBeLessThanOrEqual(1024);
    expect(side.it.state.counters.drops.get("outbox-full")).toBeGreaterThan(3000);
  });
});

describe("two who know each other", () => {
  it.each([
    ["a name of 255 bytes", "n".repeat(255), 1300],
    ["packets of 600 bytes", "b", 600],
    ["packets too small for what a machine needs", "n".repeat(255), 300],
  ])("with %s become equal", (_what, name, maxMessageBytes) => {
    const a = new Side("a", maxMessageBytes);
    const b = new Side(name, maxMessageBytes);
    a.know(b);
    b.know(a);
    for (let k = 0; k < 40; k++) a.it.state.set(`key ${k}`, new Uint8Array(100).fill(k), 0);
    for (let k = 0; k < 40; k++) b.it.state.setShared(`key ${k}`, new Uint8Array(100).fill(k), 0);
    for (let k = 0; k < 40; k++) a.it.counters.add(`counter ${k}`, k);
    const sizes = run([a, b], 60_000);
    expect(b.it.state.entries("a")).toHaveLength(40);
    expect(a.it.state.sharedEntries()).toHaveLength(40);
    expect(b.it.counters.value("counter 39")).toBe(39n);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.max(maxMessageBytes, 512 + 2 + name.length));
    expect([...a.drops, ...b.drops]).toEqual([]);
  });
});

describe("a member that", () => {
  const pair = () => {
    const [a, b] = [new Side("a"), new Side("b")];
    a.know(b);
    b.know(a);
    b.it.state.set("k", value, 0);
    run([a, b], 30_000);
    expect(a.it.state.getOf("b", "k")).toEqual(value);
    return [a, b] as const;
  };

  it("is no longer capable is forgotten, and a stranger from then on", () => {
    const [a, b] = pair();
    a.it.removePeer("b", false);
    expect(a.it.state.owners()).toEqual(["a"]);
    expect(a.it.heartbeats.inspect("b", 150_000)).toBeUndefined();
    run([a, b], 5000, 30_000);
    expect(a.drops).toContain("extension-stranger");
    expect(a.it.state.getOf("b", "k")).toBeUndefined();
    expect(run([a], 5000, 35_000)).toEqual([]);
  });

  it("keeps no state any longer sends no heartbeats either: its silence is no evidence", () => {
    const [a] = pair();
    expect(a.it.heartbeats.inspect("b", 30_000)).toBeDefined();
    a.silent.length = 0;
    a.it.setPeer({ name: "b", endpoint: endpointOf("b"), can: Capability.counters, alive: true }, 30_000);
    run([a], 120_000, 30_000);
    expect(a.silent).toEqual([]);
    expect(a.it.heartbeats.inspect("b", 150_000)).toBeUndefined();
    expect(a.it.state.owners()).toEqual(["a"]);
  });

  it("comes back at another address is spoken to there", () => {
    const [a] = pair();
    const elsewhere = { address: "10.0.0.2", port: 7 };
    a.it.setPeer({ name: "b", endpoint: endpointOf("b"), can: all, alive: false }, 30_000);
    a.it.setPeer({ name: "b", endpoint: elsewhere, can: all, alive: true }, 31_000);
    a.it.handleTimeout(40_000);
    const packets = a.packets();
    expect(packets.length).toBeGreaterThan(0);
    for (const { to } of packets) expect(to).toEqual(elsewhere);
  });
});

describe("a stream", () => {
  const large = new Uint8Array(20_000).fill(7);
  const asked = () => {
    const [a, b] = [new Side("a"), new Side("b")];
    a.know(b);
    b.know(a);
    a.it.state.setShared("large", large, 0);
    let request: ReturnType<Extensions["pollStream"]>;
    for (let now = 0; request === undefined && now < 20_000; now += 500) {
      run([a, b], 500, now);
      request = a.it.pollStream();
    }
    return { a, b, request: request! };
  };

  it("carries what no packet can, by question, answer and a last word", () => {
    const { a, b, request } = asked();
    expect(request.to).toEqual(endpointOf("b"));
    const question = a.it.streamPayload(request.id)!;
    const answer = b.it.handleStreamMessage(question, endpointOf("a"), 20_000)!;
    const push = a.it.handleStreamReply(request.id, answer, endpointOf("b"), 20_000)!;
    expect(b.it.handleStreamMessage(push, endpointOf("a"), 20_000)).toBeUndefined();
    expect(b.it.state.getShared("large")?.value.length).toBe(large.length);
    expect(a.it.streamPayload(request.id)).toBeUndefined();
  });

  it.each([
    ["is refused", (a: Side, id: number) => a.it.handleStreamEnd(id)],
    ["is answered with nonsense", (a: Side, id: number) => void a.it.handleStreamReply(id, value, endpointOf("b"), 0)],
    [
      "is answered by a stranger",
      (a: Side, id: number) => {
        const bytes = new Sealer("stranger").seal(Uint8Array.of(0xe0));
        expect(a.it.handleStreamReply(id, bytes, endpointOf("b"), 0)).toBeUndefined();
      },
    ],
  ])("that %s is over, and another is asked for later", (_what, end) => {
    const { a, b, request } = asked();
    end(a, request.id);
    expect(a.it.streamPayload(request.id)).toBeUndefined();
    let again: ReturnType<Extensions["pollStream"]>;
    for (let now = 20_000; again === undefined && now < 60_000; now += 500) {
      run([a, b], 500, now);
      again = a.it.pollStream();
    }
    expect(again?.id).not.toBe(request.id);
    expect(again?.to).toEqual(endpointOf("b"));
  });
});

describe("the capability tag", () => {
  it("is ours whatever the program says, and beside its tags", () => {
    expect(withCapabilities({ role: "web", [capabilityTag]: "9zz" })).toEqual({
      role: "web",
      [capabilityTag]: `1${all}`,
    });
  });

  it.each([
    ["1sca", "sca"],
    ["2scaxyz", "scaxyz"],
    ["1", ""],
    ["", ""],
    ["sca", ""],
    ["0sca", ""],
    ["-1sca", ""],
    ["1SCA", ""],
    ["1sca ", ""],
    ["1s\nca", ""],
    ["1sca\n", ""],
    ["1ſca", ""],
    [`1${"s".repeat(63)}`, "s".repeat(63)],
    [`1${"s".repeat(64)}`, ""],
    [`${"9".repeat(60)}s`, "s"],
  ])("%j says %j", (tag, can) => {
    expect(capabilitiesOf({ [capabilityTag]: tag })).toBe(can);
  });

  it("is read as the member's own, not as what objects have by nature", () => {
    expect(capabilitiesOf({})).toBe("");
    expect(capabilitiesOf(Object.create({ [capabilityTag]: "1sca" }))).toBe("");
  });
});
