/** Which address to tell others, when none was given. */

import { readFileSync } from "node:fs";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

export interface InterfaceAddress {
  readonly interfaceName: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly internal: boolean;
}

/**
 * The address others can dial when `bound` (IP text) is bound: itself, or for a wildcard the first of: a private IPv4
 * address (the interface of the default route first, so that a container bridge does not win), another IPv4 address,
 * for `::` a global IPv6 address, the loopback address.
 */
export function advertisedAddress(
  bound: string,
  addresses: readonly InterfaceAddress[] = interfaceAddresses(),
  defaultInterface: string | undefined = defaultRouteInterface(),
): string {
  if (bound !== "0.0.0.0" && bound !== "::") return bound;
  const outside = addresses.filter(({ internal }) => !internal);
  const ordered = [
    ...outside.filter(({ interfaceName }) => interfaceName === defaultInterface),
    ...outside.filter(({ interfaceName }) => interfaceName !== defaultInterface),
  ];
  const v4 = ordered.filter(({ family }) => family === 4);
  const found = v4.find(({ address }) => isPrivate(address)) ?? v4[0];
  if (found) return found.address;
  if (bound === "::") {
    const v6 = ordered.find(({ family, address }) => family === 6 && !address.toLowerCase().startsWith("fe80:"));
    if (v6) return v6.address;
  }
  return "127.0.0.1";
}

/** 10/8, 172.16/12, 192.168/16, and the shared space of carriers (100.64/10), which clusters use as well. */
export function isPrivate(address: string): boolean {
  const [a, b] = address.split(".").map(Number) as [number, number];
  return a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 100 && b >= 64 && b < 128);
}

function interfaceAddresses(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([interfaceName, infos]) =>
    (infos ?? []).map(({ address, family, internal }: NetworkInterfaceInfo) => ({
      interfaceName,
      address,
      family: family === "IPv6" ? (6 as const) : (4 as const),
      internal,
    })),
  );
}

/** Linux tells; elsewhere, and where it cannot be read, the interfaces' own order has to do. */
function defaultRouteInterface(): string | undefined {
  try {
    for (const line of readFileSync("/proc/net/route", "utf8").split("\n").slice(1)) {
      const [name, destination, , flags] = line.trim().split(/\s+/);
      // RTF_UP
      if (name && destination === "00000000" && (Number.parseInt(flags ?? "0", 16) & 1) === 1) return name;
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}
