/** This machine's network interfaces: which address `-iface` means, and who is on the same link as we are. */

import { BlockList, isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** By name. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The first address of the interface that is not link-local, as text.
 * @throws Error in one line when there is no such interface, or no such address
 */
export function interfaceAddress(name: string, all: Interfaces = networkInterfaces()): string {
  return firstAddress(name, undefined, all);
}

/**
 * The address to bind where both an address and an interface are given. Of a wildcard the interface's own address of the same
 * family is left; any other must be one of the interface's.
 * @throws Error in one line
 */
export function checkInterface(bindHost: string, name: string, all: Interfaces = networkInterfaces()): string {
  if (bindHost === "" || bindHost === "0.0.0.0") return firstAddress(name, bindHost === "" ? undefined : "IPv4", all);
  if (/^[:0]+$/.test(bindHost)) return firstAddress(name, "IPv6", all);
  const addresses = addressesOf(name, all);
  const wanted = canonical(bindHost);
  if (addresses.some(({ address }) => isSame(address, wanted))) return bindHost;
  const list = addresses.map(({ address }) => address).join(", ") || "no addresses";
  throw new Error(
    `iface: ${JSON.stringify(name)} does not have the bind address ${bindHost}; it has ${list}: bind one of them, or no particular one`,
  );
}

/** Whether an address is one of this machine's or on a network that it is directly attached to. */
export class LinkScope {
  #list = new BlockList();

  constructor(all: Interfaces = networkInterfaces()) {
    this.refresh(all);
  }

  refresh(all: Interfaces = networkInterfaces()): void {
    const list = new BlockList();
    list.addSubnet("169.254.0.0", 16, "ipv4");
    list.addSubnet("fe80::", 10, "ipv6");
    for (const { cidr, family } of Object.values(all).flatMap((each) => each ?? [])) {
      const [address, prefix] = cidr?.split("/") ?? [];
      if (address !== undefined) list.addSubnet(address, Number(prefix), family === "IPv4" ? "ipv4" : "ipv6");
    }
    this.#list = list;
  }

  /** @param address IP address text; IPv6 perhaps with a zone */
  has(address: string): boolean {
    const bare = canonical(address);
    const version = isIP(bare);
    return version !== 0 && this.#list.check(bare, version === 4 ? "ipv4" : "ipv6");
  }
}

function firstAddress(name: string, family: "IPv4" | "IPv6" | undefined, all: Interfaces): string {
  const usable = addressesOf(name, all).filter(({ address }) => !isLinkLocal(address));
  const first = usable.find((each) => family === undefined || each.family === family);
  if (first) return first.address;
  const kind = family === undefined ? "" : `${family} `;
  throw new Error(
    `iface: ${JSON.stringify(name)} has no ${kind}address that is not link-local; give it one, or bind an address instead`,
  );
}

function addressesOf(name: string, all: Interfaces): readonly NetworkInterfaceInfo[] {
  const addresses = Object.hasOwn(all, name) ? all[name] : undefined;
  if (addresses) return addresses;
  // Those without any address are not listed either.
  const names = Object.keys(all).sort().join(", ") || "none";
  throw new Error(`iface: ${JSON.stringify(name)} is no interface with an address; this machine has ${names}`);
}

function isLinkLocal(address: string): boolean {
  return address.startsWith("169.254.") || /^fe[89ab]/i.test(address);
}

/** Without brackets and zone. */
function canonical(address: string): string {
  return address.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
}

function isSame(address: string, wanted: string): boolean {
  if (address === wanted) return true;
  if (isIP(address) !== 6 || isIP(wanted) !== 6) return false;
  // Two spellings of one IPv6 address.
  const list = new BlockList();
  list.addAddress(address, "ipv6");
  return list.check(wanted, "ipv6");
}
