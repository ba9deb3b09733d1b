import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import type { Endpoint, StreamRequest } from "@hearsay/core";
import { afterEach, describe, expect, test } from "vitest";
import { Driver, type DriverOptions } from "./driver.ts";
import { NodeError } from "./errors.ts";
import { Scheduler } from "./scheduler.ts";
import { openSockets } from "./sockets.ts";
import { type FakeEvent, FakeMachine, until } from "./testing/fake-machine.ts";

const open: Driver<FakeEvent>[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((driver) => driver.close()));
});

interface Rig {
  machine: FakeMachine;
  driver: Driver<FakeEvent>;
  at: Endpoint;
  events: FakeEvent[];
}

async function rig(options: Partial<DriverOptions<FakeEvent>> = {}, address = "127.0.0.1"): Promise<Rig> {
  const machine = new FakeMachine();
  const sockets = await openSockets(address, 0);
  const events: FakeEvent[] = [];
  const driver = new Driver<FakeEvent>({
    machine,
    sockets,
    streamTimeoutMs: 2000,
    onEvent: (event) => void events.push(event),
    onFailure: (error) => {
      throw error;
    },
    ...options,
  });
  open.push(driver);
  driver.start();
  return { machine, driver, at: { address, port: sockets.port }, events };
}

function dial(id: number, to: Endpoint, overrides: Partial<StreamRequest> = {}): StreamRequest {
  return { id, kind: "push-pull", to, timeoutMs: 2000, reply: true, ...overrides };
}

describe("sockets", () => {
  test("UDP and TCP share one free port, on IPv4 and IPv6", async () => {
    for (const address of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
      const sockets = await openSockets(address, 0);
      expect(sockets.udp.address().port).toBe(sockets.port);
      expect((sockets.tcp.address() as { port: number }).port).toBe(sockets.port);
      sockets.udp.close();
      sockets.tcp.close();
    }
  });

  test("a taken port, UDP or TCP, is one clear line, and nothing stays open", async () => {
    const { at } = await rig();
    await expect(openSockets(at.address, at.port)).rejects.toMatchObject({
      name: "NodeError",
      code: "ADDRESS_IN_USE",
      message: `bind: ${at.address}:${at.port} (UDP) is in use by another process; stop it, or bind another port (port 0 picks a free one)`,
      cause: { code: "EADDRINUSE" },
    });
    const server = createServer().listen(0, "127.0.0.1");
    await until(() => server.listening);
    const { port } = server.address() as { port: number };
    const error = await openSockets("127.0.0.1", port).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NodeError);
    expect(error).toMatchObject({ code: "ADDRESS_IN_USE" });
    expect((error as Error).message).toContain("(TCP)");
    server.close();
    // The UDP half was given back.
    await until(() => !server.listening);
    const again = await openSockets("127.0.0.1", port);
    again.udp.close();
    again.tcp.close();
  });

  test("a foreign address", async () => {
    await expect(openSockets("192.0.2.1", 0)).rejects.toMatchObject({ code: "ADDRESS_NOT_AVAILABLE" });
  });
});

describe("packets", () => {
  test("go out as built, in order, though the buffer is one", async () => {
    const a = await rig();
    const b = await rig();
    a.driver.run(() => {
      for (let i = 0; i < 100; i++) a.machine.toSend.push({ to: b.at, bytes: Uint8Array.of(i, 1, 2, 3) });
    });
    await until(() => b.machine.packets.length === 100);
    expect(b.machine.packets.map((packet) => packet.bytes[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(b.machine.packets[0]!.from).toEqual(a.at);
    expect(a.driver.counters).toMatchObject({ packetsSent: 100, bytesSent: 400 });
    expect(b.driver.counters).toMatchObject({ packetsReceived: 100, bytesReceived: 400 });
  });

  test("what a packet causes goes out at once", async () => {
    const a = await rig();
    const b = await rig();
    b.machine.onPacket = (from, bytes) => {
      b.machine.toSend.push({ to: { address: from.address, port: from.port }, bytes: bytes.slice() });
      b.machine.events.push({ type: "echoed" });
    };
    a.driver.run(() => a.machine.toSend.push({ to: b.at, bytes: Uint8Array.of(7) }));
    await until(() => a.machine.packets.length === 1);
    expect(b.events).toEqual([{ type: "echoed" }]);
  });

  test("an IPv4 peer of a dual-stack socket reads as IPv4, and is answered", async () => {
    const six = await rig({}, "::");
    const four = await rig();
    six.machine.onPacket = (from, bytes) =>
      six.machine.toSend.push({ to: { address: from.address, port: from.port }, bytes: bytes.slice() });
    four.driver.run(() =>
      four.machine.toSend.push({ to: { address: "127.0.0.1", port: six.at.port }, bytes: Uint8Array.of(9) }),
    );
    await until(() => four.machine.packets.length === 1);
    expect(six.machine.packets[0]!.from).toEqual(four.at);
    // And over TCP.
    four.driver.run(() => four.machine.toDial.push(dial(1, { address: "127.0.0.1", port: six.at.port })));
    await until(() => six.machine.requests.length === 1);
  });

  test("what the system refuses comes back as a send failure: wrong family, port 0, no address", async () => {
    const a = await rig();
    const bad = [
      { address: "::1", port: 5 },
      { address: "127.0.0.1", port: 0 },
      { address: "", port: 5 },
      { address: "127.0.0.1", port: 70000 },
    ];
    a.driver.run(() => {
      for (const to of bad) a.machine.toSend.push({ to, bytes: Uint8Array.of(1) });
    });
    await until(() => a.machine.sendFailures.length === bad.length);
    expect(a.driver.counters.sendFailures).toBe(bad.length);
  });

  test("a wish while the machine is at work is refused, and nothing else happens", async () => {
    const a = await rig();
    const b = await rig();
    const refused: unknown[] = [];
    const wish = () => {
      try {
        b.driver.run(() => b.machine.calls.push("wish"));
      } catch (error) {
        refused.push(error);
      }
    };
    b.machine.onPacket = wish;
    b.machine.onTimeout = wish;
    b.driver.run((now) => {
      wish();
      b.machine.deadline = now;
    });
    await until(() => refused.length === 2);
    a.driver.run(() => a.machine.toSend.push({ to: b.at, bytes: Uint8Array.of(1) }));
    await until(() => refused.length === 3);
    for (const error of refused) expect(error).toMatchObject({ name: "NodeError", code: "REENTRANT" });
    expect(b.machine.calls).not.toContain("wish");
    b.driver.run(() => {
      b.machine.calls.push("later");
    });
    expect(b.machine.calls).toContain("later");
    expect(() =>
      b.driver.run(() => {
        throw new Error("a wish");
      }),
    ).toThrow("a wish");
    b.driver.run(() => {});
  });

  test("a machine that throws while it is drained after a wish is stopped", async () => {
    const failures: unknown[] = [];
    const a = await rig({ onFailure: (error) => void failures.push(error) });
    a.machine.pollStream = () => {
      throw new Error("bug");
    };
    a.driver.run(() => {});
    expect(failures).toEqual([expect.objectContaining({ message: "bug" })]);
    expect(a.driver.closed).toBe(true);
  });

  test("an event's listener may call the machine; its wishes are drained, events stay in order", async () => {
    const b = await rig();
    const seen: string[] = [];
    const a: Rig = await rig({
      onEvent: (event) => {
        seen.push(event.type);
        if (event.type !== "first") return;
        a.driver.run(() => {
          a.machine.events.push({ type: "third" });
          a.machine.toSend.push({ to: b.at, bytes: Uint8Array.of(1) });
        });
      },
    });
    a.driver.run(() => a.machine.events.push({ type: "first" }, { type: "second" }));
    expect(seen).toEqual(["first", "second", "third"]);
    await until(() => b.machine.packets.length === 1);
  });
});

describe("time", () => {
  test("wakes the machine at its deadline, and not when there is none", async () => {
    const scheduler = new Scheduler();
    const a = await rig({ scheduler });
    const asked = a.driver.now() + 30;
    a.driver.run(() => {
      a.machine.deadline = asked;
    });
    await until(() => a.machine.timeouts.length === 1);
    expect(a.machine.timeouts[0]).toBeGreaterThanOrEqual(asked);
    expect(a.machine.timeouts[0]! - asked).toBeLessThan(150);
    expect(scheduler.wakeUps).toBe(1);
  });

  test("what was put off is done when a packet comes, without a wake-up; what is not due yet is not", async () => {
    const scheduler = new Scheduler();
    const [a, b] = [await rig({ scheduler }), await rig()];
    a.machine.patienceMs = 60_000;
    const send = () => b.driver.run(() => void b.machine.toSend.push({ to: a.at, bytes: Uint8Array.of(1) }));
    a.driver.run((now) => {
      a.machine.deadline = now + 30_000;
    });
    send();
    await until(() => a.machine.packets.length === 1);
    expect(a.machine.timeouts).toEqual([]);
    a.driver.run((now) => {
      a.machine.deadline = now - 1;
    });
    send();
    await until(() => a.machine.packets.length === 2);
    expect(a.machine.calls.slice(-2)).toEqual(["packet", "timeout"]);
    expect(a.machine.timeouts[0]).toBe(a.machine.packets[1]!.now);
    expect(scheduler.wakeUps).toBe(0);
  });

  test("after a blocked event loop, packets that waited come before the timeout, in order", async () => {
    const a = await rig();
    const sender = createSocket("udp4");
    a.driver.run(() => {
      a.machine.deadline = a.driver.now() + 50;
    });
    // Sent while the loop stands still: the kernel keeps them.
    for (let i = 0; i < 100; i++) sender.send(Uint8Array.of(i), a.at.port, "127.0.0.1");
    await new Promise<void>((resolve) => sender.send(Uint8Array.of(255), 9, "127.0.0.1", () => resolve()));
    a.machine.calls.length = 0;
    a.machine.packets.length = 0;
    for (let i = 0; i < 100; i++) sender.send(Uint8Array.of(i), a.at.port, "127.0.0.1");
    await Promise.resolve();
    const end = performance.now() + 400;
    while (performance.now() < end);
    await until(() => a.machine.calls.includes("timeout"));
    const before = a.machine.calls.slice(0, a.machine.calls.indexOf("timeout"));
    expect(before.filter((call) => call === "packet").length).toBeGreaterThanOrEqual(100);
    sender.close();
  });
});

describe("streams asked for", () => {
  test("payload out, reply in, in one exchange", async () => {
    const a = await rig();
    const b = await rig();
    a.machine.payload = Uint8Array.of(2, 10, 11);
    b.machine.answer = Uint8Array.of(3, 1, 2, 3);
    a.driver.run(() => a.machine.toDial.push(dial(5, b.at)));
    await until(() => a.machine.replies.length === 1);
    expect(b.machine.requests).toEqual([{ type: 8, payload: Uint8Array.of(10, 11) }]);
    expect(a.machine.replies).toEqual([{ id: 5, message: { type: 8, payload: Uint8Array.of(1, 2, 3) } }]);
    expect(a.machine.ends).toEqual([]);
  });

  test("without a reply wanted it ends well when the peer has taken it", async () => {
    const a = await rig();
    const b = await rig();
    a.driver.run(() => a.machine.toDial.push(dial(6, b.at, { kind: "user", reply: false })));
    await until(() => a.machine.ends.length === 1);
    expect(a.machine.ends).toEqual([{ id: 6, reason: undefined }]);
    expect(b.machine.requests).toHaveLength(1);
  });

  test("failures: refused, no address, closed without a word, silence, no longer wanted", async () => {
    const a = await rig();
    const b = await rig();
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until(() => silent.listening);
    const silentAt = { address: "127.0.0.1", port: (silent.address() as { port: number }).port };
    const gone = await rig();
    await gone.driver.close();
    a.driver.run(() => {
      a.machine.toDial.push(
        dial(1, gone.at),
        dial(2, { address: "", port: 7946 }),
        dial(3, b.at),
        dial(4, silentAt, { timeoutMs: 50 }),
      );
    });
    await until(() => a.machine.ends.length === 4);
    const reasons = Object.fromEntries(a.machine.ends.map((end) => [end.id, end.reason]));
    expect(reasons).toEqual({ 1: "refused", 2: "connect", 3: "closed", 4: "timeout" });
    a.machine.payload = undefined;
    a.driver.run(() => a.machine.toDial.push(dial(5, b.at)));
    await until(() => a.machine.ends.length === 5);
    expect(a.machine.ends[4]).toEqual({ id: 5, reason: "aborted" });
    silent.close();
  });

  test("a ping's deadline counts from the request; a state exchange has its time again once connected", async () => {
    const a = await rig();
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until(() => silent.listening);
    const to = { address: "127.0.0.1", port: (silent.address() as { port: number }).port };
    // The loop stands still for a while, so that connecting takes some of the time.
    const took = async (kind: "ping" | "push-pull"): Promise<number> => {
      const start = performance.now();
      a.machine.ends.length = 0;
      a.driver.run(() => a.machine.toDial.push(dial(1, to, { kind, timeoutMs: 600 })));
      while (performance.now() - start < 400);
      await until(() => a.machine.ends.length === 1);
      expect(a.machine.ends[0]).toEqual({ id: 1, reason: "timeout" });
      return performance.now() - start;
    };
    expect(await took("ping")).toBeLessThan(850);
    expect(await took("push-pull")).toBeGreaterThan(850);
    silent.close();
  });

  test("a peer that drips its answer is cut at the deadline", async () => {
    const a = await rig();
    const drippers: NodeJS.Timeout[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      drippers.push(setInterval(() => socket.writable && socket.write(Uint8Array.of(200)), 10));
    }).listen(0, "127.0.0.1");
    await until(() => server.listening);
    const start = performance.now();
    a.driver.run(() =>
      a.machine.toDial.push(
        dial(1, { address: "127.0.0.1", port: (server.address() as { port: number }).port }, { timeoutMs: 100 }),
      ),
    );
    await until(() => a.machine.ends.length === 1);
    expect(a.machine.ends[0]).toEqual({ id: 1, reason: "timeout" });
    expect(performance.now() - start).toBeLessThan(1500);
    for (const timer of drippers) clearInterval(timer);
    server.close();
  });
});

describe("accepted streams", () => {
  const client = (to: Endpoint): Socket & { gone?: boolean } => {
    const socket: Socket & { gone?: boolean } = connect(to.port, to.address);
    socket.on("error", () => {});
    socket.on("close", () => {
      socket.gone = true;
    });
    return socket;
  };

  test("a request byte by byte is answered, and the stream closed", async () => {
    const a = await rig();
    a.machine.answer = Uint8Array.of(1, 77);
    const socket = client(a.at);
    const got: number[] = [];
    socket.on("data", (chunk: Buffer) => got.push(...chunk));
    for (const byte of [3, 1, 2, 3]) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await until(() => socket.gone === true);
    expect(got).toEqual([1, 77]);
    expect(a.machine.requests).toEqual([{ type: 8, payload: Uint8Array.of(1, 2, 3) }]);
  });

  test("a peer that ends its side first still gets its answer", async () => {
    const a = await rig();
    a.machine.answer = Uint8Array.of(1, 77);
    const socket = client(a.at);
    const got: number[] = [];
    socket.on("data", (chunk: Buffer) => got.push(...chunk));
    socket.end(Uint8Array.of(1, 5));
    await until(() => socket.gone === true);
    expect(got).toEqual([1, 77]);
  });

  test("silence and dripping end at the deadline, counted from accepting", async () => {
    const a = await rig({ streamTimeoutMs: 150 });
    const start = performance.now();
    const silent = client(a.at);
    const dripping = client(a.at);
    dripping.write(Uint8Array.of(100));
    const drip = setInterval(() => dripping.writable && dripping.write(Uint8Array.of(0)), 20);
    await until(() => silent.gone === true && dripping.gone === true);
    clearInterval(drip);
    expect(performance.now() - start).toBeGreaterThanOrEqual(140);
    expect(a.machine.requests).toEqual([]);
    // Only the one that said something is an error worth counting.
    expect(a.machine.requestErrors).toEqual(["stream-truncated"]);
  });

  test("garbage and half a message are reported with their reason; connect-and-close is not", async () => {
    const a = await rig();
    client(a.at).write(Uint8Array.of(255));
    await until(() => a.machine.requestErrors.length === 1);
    client(a.at).end(Uint8Array.of(9, 1));
    await until(() => a.machine.requestErrors.length === 2);
    const check = client(a.at);
    check.end();
    await until(() => check.gone === true);
    expect(a.machine.requestErrors).toEqual(["unknown-type", "stream-truncated"]);
  });

  test("a peer that never closes after its answer is cut", async () => {
    const a = await rig();
    const socket = connect({ port: a.at.port, host: a.at.address, allowHalfOpen: true });
    socket.on("error", () => {});
    let gone = false;
    socket.on("close", () => {
      gone = true;
    });
    socket.resume();
    socket.write(Uint8Array.of(1, 5));
    const keepWriting = setInterval(() => socket.writable && socket.write(Uint8Array.of(1)), 20);
    await until(() => gone, "the cut", 3000);
    clearInterval(keepWriting);
  });

  test("a peer that goes on sending after its request is cut", async () => {
    const a = await rig();
    const socket = client(a.at);
    socket.resume();
    socket.write(Uint8Array.of(1, 5));
    await until(() => a.machine.requests.length === 1);
    const start = performance.now();
    const flood = setInterval(() => socket.writable && socket.write(new Uint8Array(50_000)), 1);
    await until(() => socket.gone === true, "the cut", 3000);
    clearInterval(flood);
    expect(performance.now() - start).toBeLessThan(800);
  });

  test("streams and bytes are capped", async () => {
    const a = await rig({ maxInboundStreams: 3, maxInboundBytes: 100 });
    const idle = [client(a.at), client(a.at), client(a.at)];
    await until(() => a.driver.inbound.open === 3);
    const fourth = client(a.at);
    await until(() => fourth.gone === true);
    expect(idle.some((socket) => socket.gone)).toBe(false);
    expect(a.driver.inbound.refused).toBe(1);
    idle[0]!.write(new Uint8Array(90).fill(254));
    idle[1]!.write(new Uint8Array(90).fill(254));
    await until(() => a.machine.requestErrors.length === 1);
    expect(a.machine.requestErrors).toEqual(["queue-full"]);
    for (const socket of idle) socket.destroy();
    await until(() => a.driver.inbound.open === 0);
  });
});

describe("closing", () => {
  test("cuts what is open and leaves nothing behind", async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind !== "Immediate").length;
    const a = await rig();
    const b = await rig();
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until(() => silent.listening);
    const socket = connect(a.at.port, a.at.address);
    socket.on("error", () => {});
    a.driver.run(() => {
      a.machine.deadline = a.driver.now() + 10_000;
      a.machine.toSend.push({ to: b.at, bytes: Uint8Array.of(1) });
      a.machine.toDial.push(dial(1, { address: "127.0.0.1", port: (silent.address() as { port: number }).port }));
    });
    await until(() => a.driver.inbound.open === 1 && b.machine.packets.length === 1);
    const calls = a.machine.calls.length;
    await Promise.all([a.driver.close(), a.driver.close(), b.driver.close()]);
    silent.close();
    socket.destroy();
    await until(
      () =>
        process.getActiveResourcesInfo().filter((kind) => !["Immediate", "Timeout"].includes(kind)).length <= before,
    );
    expect(a.machine.calls.length).toBe(calls);
    expect(a.machine.ends).toEqual([]);
  });
});
