import { createSocket } from "node:dgram";
import { describe, expect, test } from "vitest";
import { type ResolveContext, type Resolver, resolveTarget, systemResolver } from "./resolve.ts";

function fake(overrides: Partial<Resolver> = {}): Resolver {
  return {
    addresses: async (host) => {
      const known: Record<string, string[]> = {
        web: ["10.0.0.1", "2001:db8::1", "10.0.0.1"],
        six: ["2001:db8::6"],
        "a.example": ["10.0.1.1"],
        "b.example": ["10.0.1.2"],
      };
      const found = known[host];
      if (!found) throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
      return found;
    },
    services: async (service) => {
      if (service === "_gone._udp.example") return [{ name: "nowhere.example", port: 1, priority: 1 }];
      if (service !== "_gossip._udp.example") throw Object.assign(new Error("queryEnotfound"), { code: "ENOTFOUND" });
      return [
        { name: "b.example", port: 8000, priority: 20 },
        { name: "a.example", port: 7000, priority: 10 },
        { name: "nowhere.example", port: 9000, priority: 5 },
        { name: "10.9.9.9", port: 9999, priority: 30 },
      ];
    },
    ...overrides,
  };
}

function context(overrides: Partial<ResolveContext> = {}): ResolveContext {
  return { resolver: fake(), defaultPort: 7946, reach: "both", ...overrides };
}

test("addresses need no resolver; the default port fills in", async () => {
  const none = fake({ addresses: () => Promise.reject(new Error("asked")) });
  expect(await resolveTarget("10.1.1.1", context({ resolver: none }))).toEqual([{ address: "10.1.1.1", port: 7946 }]);
  expect(await resolveTarget("[::1]:5", context({ resolver: none }))).toEqual([{ address: "::1", port: 5 }]);
});

test("a name gives all its addresses once, of the families that can be dialled", async () => {
  expect(await resolveTarget("web:1", context())).toEqual([
    { address: "10.0.0.1", port: 1 },
    { address: "2001:db8::1", port: 1 },
  ]);
  expect(await resolveTarget("web:1", context({ reach: 4 }))).toEqual([{ address: "10.0.0.1", port: 1 }]);
  expect(await resolveTarget("web:1", context({ reach: 6 }))).toEqual([{ address: "2001:db8::1", port: 1 }]);
});

test("SRV records in order of priority, their own ports, skipping targets that are gone", async () => {
  for (const text of ["srv:_gossip._udp.example", "_gossip._udp.example"]) {
    expect(await resolveTarget(text, context())).toEqual([
      { address: "10.0.1.1", port: 7000 },
      { address: "10.0.1.2", port: 8000 },
      { address: "10.9.9.9", port: 9999 },
    ]);
  }
});

describe("one clear line each", () => {
  test.each([
    ["10.0.0.256", "both", "BAD_ADDRESS", '"10.0.0.256" is no IP address'],
    ["nowhere", "both", "UNRESOLVED", '"nowhere": no such host in DNS (ENOTFOUND)'],
    ["srv:_x._udp.example", "both", "UNRESOLVED", '"_x._udp.example": no SRV records in DNS (ENOTFOUND)'],
    ["srv:_gone._udp.example", "both", "UNRESOLVED", '"nowhere.example": no such host in DNS (ENOTFOUND)'],
    ["six", 4, "UNRESOLVED", '"six" has only IPv6 addresses, and the node is bound to IPv4; bind [::] for both'],
    ["::1", 4, "UNRESOLVED", '"::1" is IPv6, and the node is bound to IPv4; bind [::] for both'],
  ] as const)("%s", async (text, reach, code, message) => {
    await expect(resolveTarget(text, context({ reach }))).rejects.toMatchObject({ code, message });
  });
});

test("an aborted look-up is ABORTED with the reason", async () => {
  const controller = new AbortController();
  const resolver = fake({
    addresses: async () => {
      controller.abort("enough");
      throw Object.assign(new Error("cancelled"), { code: "ECANCELLED" });
    },
  });
  await expect(resolveTarget("web", context({ resolver, signal: controller.signal }))).rejects.toMatchObject({
    code: "ABORTED",
    cause: "enough",
  });
  await expect(resolveTarget("10.0.0.1", context({ signal: controller.signal }))).rejects.toMatchObject({
    code: "ABORTED",
  });
});

test("the system's resolver: localhost by way of the hosts file", async () => {
  const found = await resolveTarget("localhost:1", context({ resolver: systemResolver(), reach: 4 }));
  expect(found).toEqual([{ address: "127.0.0.1", port: 1 }]);
});

test("the system's resolver asks name servers, and a question can be cancelled", async () => {
  // A name server that knows one SRV record and one address, and is silent about everything else.
  const server = createSocket("udp4");
  server.on("message", (query, from) => {
    const labels: string[] = [];
    let at = 12;
    while (query[at]! > 0) {
      labels.push(query.subarray(at + 1, at + 1 + query[at]!).toString());
      at += 1 + query[at]!;
    }
    const type = query.readUInt16BE(at + 1);
    const name = labels.join(".");
    const question = query.subarray(12, at + 5);
    const data =
      name === "_gossip._udp.test" && type === 33
        ? Buffer.concat([
            Buffer.of(0, 1, 0, 1, 0x1f, 0x0a),
            Buffer.of(4),
            Buffer.from("host"),
            Buffer.of(4),
            Buffer.from("test"),
            Buffer.of(0),
          ])
        : name === "host.test" && type === 1
          ? Buffer.of(10, 7, 7, 7)
          : undefined;
    if (name === "silent.test") return;
    const header = Buffer.from(query.subarray(0, 12));
    header[2] = 0x85;
    header[3] = 0x80;
    header.writeUInt16BE(data ? 1 : 0, 6);
    header.writeUInt32BE(0, 8);
    const answer = data
      ? Buffer.concat([Buffer.of(0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length), data])
      : Buffer.alloc(0);
    server.send(Buffer.concat([header, question, answer]), from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  const resolver = systemResolver([`127.0.0.1:${server.address().port}`]);
  expect(await resolveTarget("srv:_gossip._udp.test", context({ resolver }))).toEqual([
    { address: "10.7.7.7", port: 7946 },
  ]);
  await expect(resolveTarget("other.test", context({ resolver }))).rejects.toMatchObject({ code: "UNRESOLVED" });
  const signal = AbortSignal.timeout(20);
  await expect(resolveTarget("silent.test", context({ resolver, signal }))).rejects.toMatchObject({ code: "ABORTED" });
  server.close();
});
