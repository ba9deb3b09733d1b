import { expect, test } from "vitest";
import { parseTarget, splitHostPort } from "./target.ts";

test.each([
  ["10.0.0.1", { kind: "address", address: "10.0.0.1", port: undefined }],
  ["10.0.0.1:7946", { kind: "address", address: "10.0.0.1", port: 7946 }],
  ["web-1/10.0.0.1:7946", { kind: "address", address: "10.0.0.1", port: 7946 }],
  ["[::1]:7946", { kind: "address", address: "::1", port: 7946 }],
  ["[::1]", { kind: "address", address: "::1", port: undefined }],
  ["2001:db8::7", { kind: "address", address: "2001:db8::7", port: undefined }],
  ["::ffff:10.0.0.1", { kind: "address", address: "10.0.0.1", port: undefined }],
  ["web.example", { kind: "host", host: "web.example", port: undefined }],
  ["web:1", { kind: "host", host: "web", port: 1 }],
  [
    "my_service.default.svc.cluster.local:7946",
    { kind: "host", host: "my_service.default.svc.cluster.local", port: 7946 },
  ],
  ["srv:_gossip._udp.example", { kind: "srv", service: "_gossip._udp.example" }],
  ["srv:plain.example", { kind: "srv", service: "plain.example" }],
  ["_gossip._udp.example", { kind: "srv", service: "_gossip._udp.example" }],
])("%s", (text, expected) => {
  expect(parseTarget(text)).toEqual({ ...expected, text });
});

test.each([
  ["", "has no host"],
  [":7946", "has no host"],
  ["10.0.0.1:0", "port 0"],
  ["10.0.0.1:http", 'the port "http"'],
  ["10.0.0.1:70000", 'the port "70000"'],
  ["10.0.0.256", "is no IP address"],
  ["10.0.0", "is no IP address"],
  ["[::1", "no closing bracket"],
  ["[::1]7946", "behind the bracket"],
  ["[10.0.0.1]:7", "brackets around something other"],
  ["fe80::1%eth0", "zone"],
  ["1:2:3", "is no IP address"],
  ["web server", "neither an IP address nor a host name"],
  ["-web", "neither"],
  ["srv:_a._b.example:80", "has a port"],
  ["srv:", "is no SRV name"],
])("%j is refused: %s", (text, problem) => {
  expect(parseTarget(text)).toMatchObject({ problem: expect.stringContaining(problem) });
});

test("what can be bound", () => {
  expect(splitHostPort(":7946")).toEqual({ host: "", port: 7946 });
  expect(splitHostPort("0.0.0.0")).toEqual({ host: "0.0.0.0", port: undefined });
  expect(splitHostPort("[::]:0")).toEqual({ host: "::", port: 0 });
});
