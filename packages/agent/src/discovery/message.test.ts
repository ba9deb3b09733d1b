import { encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMessage, encodeAnswer, encodeQuestion, foundIn, serviceName, serviceOf } from "./message.ts";

const service = (more: Partial<Parameters<typeof serviceOf>[0]> = {}) =>
  serviceOf({ cluster: "demo", nodeName: "web-1", hostName: "vm", address: "10.0.0.1", port: 7946, ...more });
const query = (type: string, name: string, id = 0) =>
  decodeMessage(encode({ type: "query", id, questions: [{ type: type as "PTR", name }] }))!;

/** Between two Serf 0.9.4 agents: the question of one, and what the other (`s1`, at 10.78.0.1, on host `vm`) answered. */
const serfQuestion = hex("707a000000010000000000000a5f736572665f64656d6f045f746370056c6f63616c00000c0001");
const serfAnswer = hex(
  "0000840000000004000000000a5f736572665f64656d6f045f746370056c6f63616c00000c0001000000780005027331c00c" +
    "c02d0021000100000078000a000a00011f0a02766d00c044000100010000007800040a4e0001" +
    "c02d001000010000007800141353657266202764656d6f2720636c7573746572",
);

describe("Serf's bytes", () => {
  test("its question is answered, its answer is understood", () => {
    const question = decodeMessage(serfQuestion)!;
    expect(question).toMatchObject({ type: "query", questions: [{ type: "PTR", name: "_serf_demo._tcp.local" }] });
    expect(encodeAnswer(question, service(), true)).toBeDefined();
    expect(foundIn(decodeMessage(serfAnswer)!, "_serf_demo._tcp.local")).toEqual([
      { address: "10.78.0.1", port: 7946 },
    ]);
    expect(foundIn(decodeMessage(serfAnswer)!, "_serf_other._tcp.local")).toEqual([]);
  });

  test("ours are the same, but for the number of the question and for names written out", () => {
    const ours = Buffer.from(encodeQuestion(serviceName("demo")));
    expect(ours.subarray(2)).toEqual(serfQuestion.subarray(2));
    const answer = encodeAnswer(decodeMessage(serfQuestion)!, service({ nodeName: "s1", address: "10.78.0.1" }), false);
    expect(decodeMessage(answer!)).toEqual(decodeMessage(serfAnswer));
  });
});

describe("answers", () => {
  test("an ordinary resolver gets its number and its question back", () => {
    const answer = decodeMessage(encodeAnswer(query("PTR", "_SERF_Demo._tcp.local.", 77), service(), true)!)!;
    expect(answer).toMatchObject({ id: 77, questions: [{ name: "_SERF_Demo._tcp.local" }] });
    expect(answer.answers?.map(({ type }) => type)).toEqual(["PTR", "SRV", "A", "TXT"]);
  });

  test.each([
    ["PTR", "_services._dns-sd._udp.local", ["PTR"]],
    ["SRV", "web-1._serf_demo._tcp.local", ["SRV", "A", "TXT"]],
    ["TXT", "web-1._serf_demo._tcp.local", ["TXT"]],
    ["A", "vm", ["A"]],
    ["AAAA", "vm", undefined],
    ["A", "_serf_demo._tcp.local", undefined],
    ["PTR", "_serf_demo2._tcp.local", undefined],
    ["PTR", "_http._tcp.local", undefined],
  ])("%s %s", (type, name, types) => {
    const answer = encodeAnswer(query(type, name), service(), false);
    expect(answer && decodeMessage(answer)?.answers?.map((each) => each.type)).toEqual(types);
  });

  test("IPv6, and names that DNS cannot carry as they are", () => {
    const names = ["a.b", "n".repeat(300), "ä".repeat(60), "...", "x y", `${"l".repeat(64)}.de`];
    for (const nodeName of names) {
      const six = service({ nodeName, hostName: nodeName, address: "2001:db8::7" });
      const answer = encodeAnswer(query("PTR", six.name), six, false)!;
      expect(foundIn(decodeMessage(answer)!, six.name)).toEqual([{ address: "2001:db8::7", port: 7946 }]);
    }
    const cut = ["x", "y"].map((end) => service({ nodeName: "n".repeat(100) + end }).instance);
    expect(cut[0]).not.toBe(cut[1]);
  });

  test.each(["", "a..b", "n".repeat(58), "line\nfeed"])("no cluster name: %j", (cluster) => {
    expect(() => serviceName(cluster)).toThrow(
      /^discover: ".*" cannot be announced; want a cluster name of 1 to 57 bytes/,
    );
  });
});

describe("foreign answers", () => {
  const name = "_serf_demo._tcp.local";
  const ptr = { type: "PTR", name, data: `x.${name}` } as const;
  const srv = { type: "SRV", name: `x.${name}`, data: { port: 7946, target: "host" } } as const;
  const txt = { type: "TXT", name: `x.${name}`, data: "Serf 'demo' cluster" } as const;
  const a = { type: "A", name: "host", data: "10.0.0.9" } as const;
  const aaaa = { type: "AAAA", name: "host", data: "2001:db8::9" } as const;
  const found = (...answers: Parameters<typeof encode>[0]["answers"] & object) =>
    foundIn(decodeMessage(encode({ type: "response", answers }))!, name);

  test("count when they are complete, in whatever order and section", () => {
    expect(found(a, txt, srv, ptr)).toEqual([{ address: "10.0.0.9", port: 7946 }]);
    expect(found(aaaa, txt, srv, ptr)).toEqual([{ address: "2001:db8::9", port: 7946 }]);
    expect(found(aaaa, a, txt, srv, ptr)).toEqual([{ address: "10.0.0.9", port: 7946 }]);
    const split = encode({ type: "response", answers: [ptr], additionals: [srv, txt, a] });
    expect(foundIn(decodeMessage(split)!, name)).toHaveLength(1);
    for (const missing of [ptr, srv, txt, a]) {
      expect(found(...[ptr, srv, txt, a].filter((each) => each !== missing))).toEqual([]);
    }
    expect(found(ptr, txt, a, { ...srv, data: { port: 0, target: "host" } })).toEqual([]);
    expect(found(ptr, txt, a, { ...srv, data: { port: 1, target: "elsewhere" } })).toEqual([]);
  });

  test("are bounded", () => {
    const many = Array.from({ length: 40 }, (_, i) => [
      { ...ptr, data: `x${i}.${name}` },
      { ...srv, name: `x${i}.${name}` },
      { ...txt, name: `x${i}.${name}` },
    ]).flat();
    expect(found(a, ...many)).toHaveLength(16);
    expect(decodeMessage(encode({ type: "response", answers: [a, ...many, ...many] }))).toBeUndefined();
    expect(decodeMessage(new Uint8Array(9001))).toBeUndefined();
    expect(decodeMessage(hex("000000000000ffffffffffff"))).toBeUndefined();
  });

  test("may be anything at all", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(150),
        fc.uint8Array({ maxLength: 8 }),
        (noise, at, patch) => {
          const changed = Buffer.from(serfAnswer);
          Buffer.from(patch).copy(changed, at);
          for (const bytes of [noise, Buffer.concat([serfAnswer.subarray(0, at), noise]), changed]) {
            const message = decodeMessage(bytes);
            if (!message) continue;
            for (const { port } of foundIn(message, name)) expect(port).toBeGreaterThan(0);
            encodeAnswer(message, service(), true);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
