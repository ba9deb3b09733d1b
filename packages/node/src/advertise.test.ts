import { expect, test } from "vitest";
import { advertisedAddress, type InterfaceAddress, isPrivate } from "./advertise.ts";

const lo: InterfaceAddress = { interfaceName: "lo", address: "127.0.0.1", family: 4, internal: true };
const docker: InterfaceAddress = { interfaceName: "docker0", address: "172.17.0.1", family: 4, internal: false };
const lan: InterfaceAddress = { interfaceName: "eth0", address: "10.1.2.3", family: 4, internal: false };
const wide: InterfaceAddress = { interfaceName: "eth1", address: "203.0.113.9", family: 4, internal: false };
const link: InterfaceAddress = { interfaceName: "eth0", address: "fe80::1", family: 6, internal: false };
const six: InterfaceAddress = { interfaceName: "eth0", address: "2001:db8::1", family: 6, internal: false };

test.each([
  ["10.9.9.9", [lan], "none", "10.9.9.9"],
  ["::1", [lan], "none", "::1"],
  ["0.0.0.0", [lo, docker, lan], "eth0", "10.1.2.3"],
  ["0.0.0.0", [lo, docker, lan], "none", "172.17.0.1"],
  ["0.0.0.0", [lo, wide, lan], "eth1", "10.1.2.3"],
  ["0.0.0.0", [lo, wide], "none", "203.0.113.9"],
  ["0.0.0.0", [lo, link, six], "none", "127.0.0.1"],
  ["::", [lo, link, six], "none", "2001:db8::1"],
  ["::", [lo, six, lan], "none", "10.1.2.3"],
  ["0.0.0.0", [], "none", "127.0.0.1"],
] as const)("bound to %s with %j, default route by %s: %s", (bound, addresses, route, expected) => {
  expect(advertisedAddress(bound, addresses, route)).toBe(expected);
});

test("private space", () => {
  for (const address of ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"]) {
    expect(isPrivate(address), address).toBe(true);
  }
  for (const address of ["11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "8.8.8.8"]) {
    expect(isPrivate(address), address).toBe(false);
  }
});
