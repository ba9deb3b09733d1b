import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { checkInterface, type Interfaces, interfaceAddress, LinkScope } from "./interfaces.ts";

const info = (cidr: string): NetworkInterfaceInfo => {
  const address = cidr.split("/")[0]!;
  const rest = { netmask: "", mac: "", internal: false, cidr };
  return address.includes(":")
    ? { address, family: "IPv6", scopeid: 0, ...rest }
    : { address, family: "IPv4", ...rest };
};
const all: Interfaces = {
  lo: [info("127.0.0.1/8"), info("::1/128")],
  eth0: [info("169.254.3.4/16"), info("10.1.2.3/24"), info("fe80::1/64"), info("2001:db8::1/64")],
  wg0: [info("fe80::2/64")],
};

test("-iface: the first address that is not link-local", () => {
  expect(interfaceAddress("eth0", all)).toBe("10.1.2.3");
  expect(interfaceAddress("lo", all)).toBe("127.0.0.1");
  expect(() => interfaceAddress("wg0", all)).toThrow('iface: "wg0" has no address that is not link-local');
  for (const name of ["eth9", "constructor"]) {
    expect(() => interfaceAddress(name, all)).toThrow(
      `iface: "${name}" is no interface with an address; this machine has eth0, lo, wg0`,
    );
  }
});

test("-iface and -bind: the interface owns the address, or gives one for a wildcard", () => {
  expect(checkInterface("0.0.0.0", "eth0", all)).toBe("10.1.2.3");
  expect(checkInterface("::", "eth0", all)).toBe("2001:db8::1");
  expect(checkInterface("10.1.2.3", "eth0", all)).toBe("10.1.2.3");
  expect(checkInterface("2001:DB8:0::1", "eth0", all)).toBe("2001:DB8:0::1");
  expect(() => checkInterface("10.1.2.4", "eth0", all)).toThrow(
    /^iface: "eth0" does not have the bind address 10\.1\.2\.4; it has 169\.254\.3\.4, 10\.1\.2\.3, .*: bind one of them/,
  );
  expect(() => checkInterface("0.0.0.0", "wg0", all)).toThrow("has no IPv4 address");
  expect(() => checkInterface("10.1.2.3", "none", all)).toThrow("is no interface");
});

test("the same link", () => {
  const scope = new LinkScope(all);
  for (const near of ["10.1.2.200", "169.254.9.9", "fe80::9%eth0", "2001:db8::77", "127.0.0.9", "::1"]) {
    expect([near, scope.has(near)]).toEqual([near, true]);
  }
  for (const far of ["10.1.3.1", "8.8.8.8", "2001:db9::1", "", "host"])
    expect([far, scope.has(far)]).toEqual([far, false]);
  scope.refresh({ eth0: [info("10.1.3.9/24")] });
  expect([scope.has("10.1.3.1"), scope.has("10.1.2.200")]).toEqual([true, false]);
});
