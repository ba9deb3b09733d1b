/** Several agents on a network that exists only here: what one sends to the group, all hear. */
import type { Logger } from "@hearsay/node";
import { encode } from "dns-packet";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type DiscoveryOptions, startDiscovery } from "./discovery.ts";
import type { Link, LinkOptions, OpenLink, Sender } from "./link.ts";
import { decodeMessage, encodeQuestion } from "./message.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const log: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

class Network {
  readonly #links = new Map<string, LinkOptions>();
  /** `from` and the number of questions and answers it has sent. */
  readonly questions: string[] = [];
  readonly answers: { readonly from: string; readonly to: string; readonly bytes: Uint8Array }[] = [];
  /** For the link at this address, which is on a loopback network, since only those on the same link are heard. */
  open(address: string): OpenLink {
    return async (options) => {
      const key = `${address} ${options.family}`;
      this.#links.set(key, options);
      const link: Link = {
        ask: (packet) => {
          this.questions.push(address);
          this.send(packet, { address, port: 40_000 }, options.family);
        },
        answer: (packet, to) => {
          this.answers.push({ from: address, to: to.address, bytes: packet });
          this.#links.get(`${to.address} ${options.family}`)?.receive(packet, { address, port: 5353 });
        },
        refresh: () => {},
        close: async () => {
          this.#links.delete(key);
        },
      };
      return link;
    };
  }

  /** To the group. */
  send(packet: Uint8Array, from: Sender, family: 4 | 6 = 4): void {
    for (const [key, link] of [...this.#links]) if (key.endsWith(` ${family}`)) link.receive(packet, from);
  }

  get openLinks(): number {
    return this.#links.size;
  }
}

async function agent(network: Network, number: number, more: Partial<DiscoveryOptions> = {}) {
  const calls: string[][] = [];
  const address = `127.0.0.${number}`;
  const discovery = await startDiscovery({
    cluster: "demo",
    nodeName: `n${number}`,
    address,
    port: 7946,
    ipv4: true,
    ipv6: false,
    onFound: async (addresses) => {
      calls.push([...addresses]);
      return [];
    },
    log,
    openLink: network.open(address),
    ...more,
  });
  return { calls, discovery };
}

/** What an agent at `address` would answer. */
function answer(address: string, port = 7946) {
  const name = "_serf_demo._tcp.local";
  const instance = `${address}.${name}`;
  return encode({
    type: "response",
    answers: [
      { type: "PTR", name, data: instance },
      { type: "SRV", name: instance, data: { port, target: `host-${address}` } },
      { type: "TXT", name: instance, data: ["x"] },
      { type: "A", name: `host-${address}`, data: address },
    ],
  });
}

/** 255 records whose names lead through 2500 pointers, one to the next. */
function pointersWithoutEnd(): Uint8Array {
  const [records, pointers] = [255, 2500];
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x8400, 2);
  header.writeUInt16BE(records + 1, 6);
  const first = Buffer.alloc(11 + 2 * pointers);
  first.writeUInt16BE(10, 1);
  first.writeUInt16BE(1, 3);
  first.writeUInt16BE(2 * pointers, 9);
  const start = header.length + 11;
  for (let i = 0; i < pointers; i++) first.writeUInt16BE(0xc000 | (i === 0 ? 12 : start + 2 * (i - 1)), 11 + 2 * i);
  const last = 0xc000 | (start + 2 * (pointers - 1));
  const record = Buffer.alloc(14);
  record.writeUInt16BE(last, 0);
  record.writeUInt16BE(12, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(2, 10);
  record.writeUInt16BE(last, 12);
  return Buffer.concat([header, first, ...Array<Buffer>(records).fill(record)]);
}

describe("discovery", () => {
  test("whoever comes finds those that are there, once, in one call, and never itself", async () => {
    const network = new Network();
    const agents = [await agent(network, 1), await agent(network, 2, { ipv6: true })];
    await vi.advanceTimersByTimeAsync(10_000);
    const third = await agent(network, 3);
    expect(third.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(99);
    expect(third.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(third.calls).toEqual([["127.0.0.1:7946", "127.0.0.2:7946"]]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(third.calls).toHaveLength(1);
    // Those that were there have found the newcomer, at their next question.
    expect(agents.map(({ calls }) => calls.flat().sort())).toEqual([
      ["127.0.0.2:7946", "127.0.0.3:7946"],
      ["127.0.0.1:7946", "127.0.0.3:7946"],
    ]);
    for (const { discovery } of [...agents, third]) await discovery[Symbol.asyncDispose]();
    expect(network.openLinks).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("asks at the start, again shortly after, and every minute", async () => {
    const network = new Network();
    const { discovery } = await agent(network, 1);
    const count = () => network.questions.length;
    expect(count()).toBe(1);
    await vi.advanceTimersByTimeAsync(3000);
    expect(count()).toBe(3);
    await vi.advanceTimersByTimeAsync(56_000);
    expect(count()).toBe(3);
    await vi.advanceTimersByTimeAsync(121_000);
    expect(count()).toBe(6);
    await discovery[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(300_000);
    expect(count()).toBe(6);
  });

  test("is gathered as long as more comes, and joins one after the other", async () => {
    const network = new Network();
    const calls: string[][] = [];
    let finish: ((failed: string[]) => void) | undefined;
    const onFound = (addresses: readonly string[]) => {
      calls.push([...addresses]);
      return new Promise<string[]>((resolve) => (finish = resolve));
    };
    const { discovery } = await agent(network, 1, { onFound });
    for (let i = 0; i < 5; i++) {
      network.send(answer(`127.0.1.${i}`), { address: "127.0.0.9", port: 5353 });
      await vi.advanceTimersByTimeAsync(80);
    }
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(calls).toEqual([[0, 1, 2, 3, 4].map((i) => `127.0.1.${i}:7946`)]);
    network.send(answer("127.0.2.1"), { address: "127.0.0.9", port: 5353 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(calls).toHaveLength(1);
    finish!([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(calls[1]).toEqual(["127.0.2.1:7946"]);
    await discovery[Symbol.asyncDispose]();
    finish!([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls).toHaveLength(2);
  });

  test.each(["fails", "rejects"])("tries those again whose join %s", async (how) => {
    const network = new Network();
    const calls: string[][] = [];
    const other = await agent(network, 2);
    const one = await agent(network, 1, {
      onFound: async (addresses) => {
        calls.push([...addresses]);
        if (calls.length < 3 && how === "rejects") throw new Error("refused");
        return calls.length < 3 ? addresses : [];
      },
    });
    // Not at once, though it is heard of again a second later.
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(55_000);
    expect(calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(calls).toEqual(Array.from({ length: 3 }, () => ["127.0.0.2:7946"]));
    await one.discovery[Symbol.asyncDispose]();
    await other.discovery[Symbol.asyncDispose]();
  });

  test("who fails beside others that do not is tried again, alone", async () => {
    const network = new Network();
    const calls: string[][] = [];
    const others = [await agent(network, 2), await agent(network, 3)];
    const one = await agent(network, 1, {
      onFound: async (addresses) => {
        calls.push([...addresses]);
        return calls.length === 1 ? ["127.0.0.3:7946"] : [];
      },
    });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(calls).toEqual([["127.0.0.2:7946", "127.0.0.3:7946"], ["127.0.0.3:7946"]]);
    for (const { discovery } of [one, ...others]) await discovery[Symbol.asyncDispose]();
  });

  test("one that was away for long is joined when it is back", async () => {
    const network = new Network();
    const one = await agent(network, 1);
    const first = await agent(network, 2);
    await vi.advanceTimersByTimeAsync(120_000);
    await first.discovery[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(420_000);
    const again = await agent(network, 2);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(one.calls).toEqual([["127.0.0.2:7946"], ["127.0.0.2:7946"]]);
    await one.discovery[Symbol.asyncDispose]();
    await again.discovery[Symbol.asyncDispose]();
  });
});

describe("what the network says", () => {
  const asker: Sender = { address: "127.0.0.50", port: 41_000 };

  test("questions from beyond the link are not answered, nor are too many", async () => {
    const network = new Network();
    const { discovery } = await agent(network, 1);
    const question = encodeQuestion("_serf_demo._tcp.local");
    const before = network.answers.length;
    network.send(question, { address: "203.0.113.7", port: 5353 });
    network.send(encodeQuestion("_serf_other._tcp.local"), asker);
    network.send(Buffer.from("nonsense, and long enough"), asker);
    expect(network.answers).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(1500);
    const start = network.answers.length;
    for (let i = 0; i < 50; i++) network.send(question, asker);
    expect(network.answers.length - start).toBe(10);
    for (let i = 0; i < 300; i++) network.send(question, { address: `127.1.0.${i % 250}`, port: 5353 });
    expect(network.answers.length - start).toBeLessThanOrEqual(100);
    await vi.advanceTimersByTimeAsync(1000);
    network.send(question, { ...asker, port: 5353 });
    const last = network.answers.at(-1)!;
    expect(last.to).toBe(asker.address);
    expect(decodeMessage(last.bytes)).toMatchObject({ id: 0, questions: [], flag_aa: true });
    await discovery[Symbol.asyncDispose]();
  });

  test("a message made to take long costs little, and the next is heard", async () => {
    const network = new Network();
    const { calls, discovery } = await agent(network, 1);
    await vi.advanceTimersByTimeAsync(1500);
    vi.useRealTimers();
    const start = performance.now();
    for (let i = 0; i < 100; i++) network.send(pointersWithoutEnd(), asker);
    // Each takes some 30 ms to read.
    expect(performance.now() - start).toBeLessThan(1000);
    network.send(answer("127.0.1.1"), { ...asker, address: "127.0.0.51" });
    await vi.waitFor(() => expect(calls).toEqual([["127.0.1.1:7946"]]));
    await discovery[Symbol.asyncDispose]();
  });

  test("a flood from elsewhere does not silence those on the link", async () => {
    const network = new Network();
    const { calls, discovery } = await agent(network, 1);
    await vi.advanceTimersByTimeAsync(1500);
    for (let i = 0; i < 1000; i++) network.send(answer("127.0.1.2"), { address: `203.0.113.${i % 250}`, port: 5353 });
    network.send(answer("127.0.1.1"), asker);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls).toEqual([["127.0.1.1:7946"]]);
    await discovery[Symbol.asyncDispose]();
  });

  test("addresses that lead nowhere are not joined, and there is an end to them", async () => {
    const network = new Network();
    const { calls, discovery } = await agent(network, 1);
    const nowhere = ["224.0.0.1", "0.0.0.0", "255.255.255.255", "127.0.0.1"];
    for (const address of nowhere) network.send(answer(address), asker);
    for (let i = 0; i < 3000; i++) {
      // From many, since each is heard only so often.
      network.send(answer(`127.7.${i >> 8}.${i & 255}`), { address: `127.9.0.${i % 200}`, port: 5353 });
      if (i % 100 === 0) await vi.advanceTimersByTimeAsync(1000);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls.flat()).toHaveLength(1024);
    expect(Math.max(...calls.map((batch) => batch.length))).toBeLessThanOrEqual(64);
    expect(calls.flat().filter((address) => nowhere.includes(address.split(":")[0]!))).toEqual([]);
    await discovery[Symbol.asyncDispose]();
  });

  test("a loopback address is for those on a loopback", async () => {
    const network = new Network();
    const { calls, discovery } = await agent(network, 1, { address: "10.0.0.1" });
    network.send(answer("127.0.0.2"), asker);
    network.send(answer("10.0.0.1"), asker);
    network.send(answer("10.0.0.1", 7947), asker);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls).toEqual([["10.0.0.1:7947"]]);
    await discovery[Symbol.asyncDispose]();
  });
});

describe("starting", () => {
  const closedDoor: OpenLink = () => Promise.reject(new Error("bind EACCES"));

  test.each([
    [{ ipv4: false }, "mdns: IPv4 and IPv6 are both switched off"],
    [{ cluster: "" }, 'discover: "" cannot be announced'],
    [{ interfaceName: "none0" }, 'mdns: "none0" is no interface with an address; this machine has '],
    [{ openLink: closedDoor, ipv6: true }, "mdns: multicast cannot be heard (IPv4: bind EACCES; IPv6: bind EACCES)"],
  ])("%j", async (options, message) => {
    await expect(agent(new Network(), 1, options)).rejects.toThrow(message);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("one family is enough", async () => {
    const network = new Network();
    const open = network.open("127.0.0.1");
    const openLink: OpenLink = (options) => (options.family === 6 ? closedDoor(options) : open(options));
    const { discovery } = await agent(network, 1, { ipv6: true, openLink });
    expect(network.openLinks).toBe(1);
    await discovery[Symbol.asyncDispose]();
  });

  test("a signal ends it", async () => {
    const network = new Network();
    const ending = new AbortController();
    await agent(network, 1, { signal: ending.signal });
    expect(network.openLinks).toBe(1);
    ending.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(network.openLinks).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    await expect(agent(network, 1, { signal: ending.signal })).rejects.toThrow("abort");
    expect(network.openLinks).toBe(0);
  });
});
