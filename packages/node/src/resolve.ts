/**
 * From the targets people write to addresses that can be dialled. Asked anew for every try, because names move:
 * that is why they were given as names.
 */

import { promises as dns } from "node:dns";
import type { Endpoint } from "@hearsay/core";
import { abortable, NodeError, show, systemCode, throwIfAborted } from "./errors.ts";
import { parseTarget, type Target } from "./target.ts";

/** The DNS questions asked. Tests put their own in. */
export interface Resolver {
  /** All IPv4 and IPv6 addresses of a host name. Rejects with the system's error. */
  addresses(host: string, signal: AbortSignal | undefined): Promise<readonly string[]>;
  /** The SRV records of a service. */
  services(
    service: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly { readonly name: string; readonly port: number; readonly priority: number }[]>;
}

/**
 * The system's resolver. Host names go through the C library, so that `/etc/hosts` and search domains count; SRV
 * records are asked of the name servers directly.
 * @param servers name servers for everything instead of the system's, as `ip` or `ip:port`.
 */
export function systemResolver(servers?: readonly string[]): Resolver {
  const own = () => {
    const resolver = new dns.Resolver({ timeout: 2000, tries: 2 });
    if (servers) resolver.setServers(servers);
    return resolver;
  };
  return {
    async addresses(host, signal) {
      if (servers) {
        return cancellable(own(), signal, async (resolver) => {
          const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
          if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
          return [...(v4.status === "fulfilled" ? v4.value : []), ...(v6.status === "fulfilled" ? v6.value : [])];
        });
      }
      const found = await dns.lookup(host, { all: true, verbatim: true });
      return found.map(({ address }) => address);
    },
    services: (service, signal) => cancellable(own(), signal, (resolver) => resolver.resolveSrv(service)),
  };
}

export interface ResolveContext {
  readonly resolver: Resolver;
  /** For targets without a port. */
  readonly defaultPort: number;
  /** 4: the node is bound to IPv4 and cannot dial IPv6. 6: it is bound to one IPv6 address. "both": dual stack. */
  readonly reach: 4 | 6 | "both";
  readonly signal?: AbortSignal | undefined;
}

/**
 * All addresses of one target, in the order to try them, without doubles; at least one.
 * @throws NodeError BAD_ADDRESS (the text is wrong), UNRESOLVED (DNS has nothing that can be dialled), ABORTED.
 */
export async function resolveTarget(text: string, context: ResolveContext): Promise<Endpoint[]> {
  const target = parseTarget(text);
  if ("problem" in target) throw new NodeError("BAD_ADDRESS", `${show(text)} ${target.problem}`);
  throwIfAborted(context.signal, `looking up ${text}`);
  const found = await lookUp(target, context);
  const usable = found.filter(({ address }) => reaches(context.reach, address));
  if (usable.length > 0) return unique(usable);
  if (found.length === 0) throw new NodeError("UNRESOLVED", `${show(text)} has no addresses`);
  const [those, bound] = context.reach === 4 ? ["IPv6", "IPv4"] : ["IPv4", "one IPv6 address"];
  const has = target.kind === "address" ? `is ${those}` : `has only ${those} addresses`;
  throw new NodeError("UNRESOLVED", `${show(text)} ${has}, and the node is bound to ${bound}; bind [::] for both`);
}

async function lookUp(target: Target, context: ResolveContext): Promise<Endpoint[]> {
  const { defaultPort, resolver, signal } = context;
  if (target.kind === "address") return [{ address: target.address, port: target.port ?? defaultPort }];
  if (target.kind === "host") {
    const port = target.port ?? defaultPort;
    const addresses = await ask(target.host, "no such host", signal, () => resolver.addresses(target.host, signal));
    return addresses.map((address) => ({ address, port }));
  }
  const records = await ask(target.service, "no SRV records", signal, () => resolver.services(target.service, signal));
  const sorted = [...records].sort((a, b) => a.priority - b.priority);
  // A target that cannot be looked up does not spoil the others; if all fail, the first says why.
  const lookups = await Promise.allSettled(
    sorted.map(async ({ name, port }) => {
      const literal = parseTarget(name);
      if (!("problem" in literal) && literal.kind === "address") return [{ address: literal.address, port }];
      const addresses = await ask(name, "no such host", signal, () => resolver.addresses(name, signal));
      return addresses.map((address) => ({ address, port }));
    }),
  );
  const found = lookups.flatMap((lookup) => (lookup.status === "fulfilled" ? lookup.value : []));
  const failed = lookups.find((lookup) => lookup.status === "rejected");
  if (found.length === 0 && failed) throw failed.reason;
  return found;
}

async function ask<T>(
  name: string,
  nothing: string,
  signal: AbortSignal | undefined,
  question: () => Promise<T>,
): Promise<T> {
  try {
    return await abortable(question(), signal, `looking up ${name}`);
  } catch (error) {
    throwIfAborted(signal, `looking up ${name}`);
    const code = systemCode(error) ?? "failed";
    const what =
      code === "ENOTFOUND" || code === "ENODATA" || code === "EAI_NODATA"
        ? `${nothing} in DNS`
        : code === "EAI_AGAIN" || code === "ETIMEOUT" || code === "ECONNREFUSED"
          ? "the name server does not answer"
          : "DNS failed";
    throw new NodeError("UNRESOLVED", `${show(name)}: ${what} (${code})`, { cause: error });
  }
}

function reaches(reach: 4 | 6 | "both", address: string): boolean {
  return reach === "both" || address.includes(":") === (reach === 6);
}

function unique(endpoints: readonly Endpoint[]): Endpoint[] {
  const seen = new Set<string>();
  return endpoints.filter(({ address, port }) => {
    const key = `${address} ${port}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

async function cancellable<T>(
  resolver: dns.Resolver,
  signal: AbortSignal | undefined,
  question: (resolver: dns.Resolver) => Promise<T>,
): Promise<T> {
  const cancel = () => resolver.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await question(resolver);
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}
