/**
 * What a decoded packet message must also be. The reference trusts its peers here; none of this costs compatibility,
 * because none of it is ever sent by a working peer (memberlist protocol notes, section 15).
 */

import type { Alive, DropReason, IndirectPing, PingSource } from "@hearsay/core";
import { maxMetaBytes, versionBytes } from "./limits.ts";

/** A name, an address of 4 or 16 bytes, a meta within its limit. Normalises the version bytes: six of them or null. */
export function checkAlive(alive: Alive): DropReason | undefined {
  if (alive.node === "") return "name-invalid";
  if (!isAddress(alive.addr)) return "address-length";
  if (alive.meta !== null && alive.meta.length > maxMetaBytes) return "meta-too-long";
  if (alive.vsn !== null && alive.vsn.length !== versionBytes)
    alive.vsn = alive.vsn.length < versionBytes ? null : alive.vsn.subarray(0, versionBytes);
  return undefined;
}

/** A source address of 4 or 16 bytes or none. An empty one becomes null. */
export function checkSource(ping: PingSource): DropReason | undefined {
  if (ping.sourceAddr === null || isAddress(ping.sourceAddr)) return undefined;
  if (ping.sourceAddr.length > 0) return "address-length";
  ping.sourceAddr = null;
  return undefined;
}

/** The same, and a target to send to. */
export function checkIndirectPing(ping: IndirectPing): DropReason | undefined {
  return isAddress(ping.target) ? checkSource(ping) : "address-length";
}

/** Whether this is an address at all. */
export function isAddress(addr: Uint8Array | null): boolean {
  return addr !== null && (addr.length === 4 || addr.length === 16);
}
