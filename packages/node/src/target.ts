/**
 * The texts people write for addresses: `[name/]host[:port]`, `srv:_service._proto.domain`, and what can be bound.
 * Only syntax; `resolve.ts` asks DNS.
 */

import { addressBytes, addressText } from "@hearsay/core";

export type Target =
  | { readonly kind: "address"; readonly text: string; readonly address: string; readonly port: number | undefined }
  | { readonly kind: "host"; readonly text: string; readonly host: string; readonly port: number | undefined }
  | { readonly kind: "srv"; readonly text: string; readonly service: string };

/** What is wrong with a text; one clause, for the end of an error line. */
export interface TargetProblem {
  readonly problem: string;
}

/** DNS names: labels of letters, digits, `-` and `_`, at most 253 characters; a final dot is allowed. */
const hostPattern =
  /^(?=.{1,254}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

/** A target to join. A name before a slash is allowed, as in memberlist, and not used. */
export function parseTarget(text: string): Target | TargetProblem {
  const slash = text.indexOf("/");
  const rest = (slash < 0 ? text : text.slice(slash + 1)).trim();
  const srv = /^srv:\/{0,2}/i.exec(text.trim());
  if (srv || rest.startsWith("_")) {
    const service = srv ? text.trim().slice(srv[0].length) : rest;
    if (service.includes(":")) return { problem: `has a port, which the SRV records name; leave it out` };
    if (!hostPattern.test(service)) return { problem: "is no SRV name; want srv:_service._proto.domain" };
    return { kind: "srv", text, service };
  }
  const split = splitHostPort(rest);
  if ("problem" in split) return split;
  const { host, port } = split;
  if (host === "") return { problem: "has no host; want host[:port]" };
  if (port === 0) return { problem: "has port 0; want 1 … 65535" };
  const bytes = addressBytes(host);
  if (bytes) return { kind: "address", text, address: addressText(bytes), port };
  if (/^[\d.]+$/.test(host) || host.includes(":")) return { problem: "is no IP address" };
  if (!hostPattern.test(host)) return { problem: "is neither an IP address nor a host name" };
  return { kind: "host", text, host, port };
}

/**
 * Splits `host`, `host:port`, `:port`, `[v6]`, `[v6]:port`, and a bare IPv6 address (two colons or more: all address).
 * `host` is "" where absent.
 */
export function splitHostPort(text: string): { host: string; port: number | undefined } | TargetProblem {
  let host = text;
  let portText: string | undefined;
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) return { problem: "has no closing bracket; want [address]:port" };
    host = text.slice(1, end);
    const after = text.slice(end + 1);
    if (!host.includes(":")) return { problem: "has brackets around something other than an IPv6 address" };
    if (after !== "" && !after.startsWith(":")) return { problem: "has text behind the bracket; want [address]:port" };
    if (after !== "") portText = after.slice(1);
  } else {
    const colon = text.indexOf(":");
    if (colon >= 0 && text.indexOf(":", colon + 1) < 0) {
      host = text.slice(0, colon);
      portText = text.slice(colon + 1);
    }
  }
  if (host.includes("%")) return { problem: "has an IPv6 zone, which cannot be told to others; use a global address" };
  if (portText === undefined) return { host, port: undefined };
  if (!/^\d{1,5}$/.test(portText) || Number(portText) > 65535) {
    return { problem: `has the port ${JSON.stringify(portText)}; want a number from 0 to 65535` };
  }
  return { host, port: Number(portText) };
}
