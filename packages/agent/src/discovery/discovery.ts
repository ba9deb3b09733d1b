/**
 * Finds the agents of a cluster on the same network, and is found by them: multicast DNS, as Serf's agents speak it (Serf
 * protocol notes, section 17). Asks at the start and every minute, and answers whoever asks.
 *
 * Anybody on the network can answer and ask. So only those on the same link are heard at all, messages and answers are
 * limited to so many a second, and what was found is no more than a suggestion whom to join.
 */

import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { Logger } from "@hearsay/node";
import { FoundAddresses } from "./found-addresses.ts";
import { LinkScope } from "./interfaces.ts";
import { type Link, MDNS_PORT, type OpenLink, openMulticastLink, type Sender } from "./link.ts";
import {
  decodeMessage,
  encodeAnswer,
  encodeQuestion,
  type Found,
  foundIn,
  type Message,
  readingSteps,
  type Service,
  serviceOf,
} from "./message.ts";
import { RateLimit } from "./rate-limit.ts";

/** Between two questions: ms. Serf's number. */
const ASK_INTERVAL_MS = 60_000;
/** The first question may get lost; it is asked again so long after the start: ms. */
const ASK_AGAIN_MS = [1000, 3000];
/** How soon an interface that has come is asked on: ms. */
const REFRESH_MS = 15_000;
/** Messages looked at, in a second: of all, and of one address. */
const MAX_MESSAGES = 500;
const MAX_MESSAGES_EACH = 100;
/** Steps of reading them, in a second: some hundredths of it at most. */
const MAX_STEPS = 500_000;
const MAX_STEPS_EACH = 100_000;
/** Answers given, in a second: to all, and to one address. */
const MAX_ANSWERS = 100;
const MAX_ANSWERS_EACH = 10;

export interface DiscoveryOptions {
  /** The cluster's name: agents find those that give the same. */
  readonly cluster: string;
  readonly nodeName: string;
  /** What is announced: the advertised gossip address, IP address text. */
  readonly address: string;
  readonly port: number;
  /** Only this interface. Default: all but the loopback. */
  readonly interfaceName?: string;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /**
   * Newly found addresses, `ip:port`, at most 64; our own is not among them. Resolves to those that could not be joined: they
   * come again later, and so do all if it rejects. One call at a time.
   */
  readonly onFound: (addresses: readonly string[]) => Promise<readonly string[]>;
  readonly log: Logger;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly openLink?: OpenLink;
}

/**
 * Disposing closes all sockets; an `onFound` under way is not waited for.
 * @throws Error in one line: the cluster's name cannot be announced, both families are switched off, the interface does not
 * exist, or multicast can be heard on none
 */
export async function startDiscovery(options: DiscoveryOptions): Promise<AsyncDisposable> {
  const discovery = new Discovery(options);
  await discovery.start();
  return discovery;
}

class Discovery implements AsyncDisposable {
  readonly #options: DiscoveryOptions;
  readonly #service: Service;
  readonly #question: Uint8Array;
  readonly #found: FoundAddresses;
  readonly #scope = new LinkScope();
  readonly #messages = new RateLimit({ total: MAX_MESSAGES, each: MAX_MESSAGES_EACH });
  readonly #steps = new RateLimit({ total: MAX_STEPS, each: MAX_STEPS_EACH });
  readonly #answers = new RateLimit({ total: MAX_ANSWERS, each: MAX_ANSWERS_EACH });
  readonly #own: string;
  readonly #links = new Map<4 | 6, Link>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #abort = () => void this[Symbol.asyncDispose]();
  #closed: Promise<void> | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { cluster, nodeName, address, port } = options;
    this.#service = serviceOf({ cluster, nodeName, address, port, hostName: hostname() });
    this.#question = encodeQuestion(this.#service.name);
    this.#own = text({ address, port });
    this.#found = new FoundAddresses({ onFound: options.onFound, log: options.log, now: () => performance.now() });
  }

  async start(): Promise<void> {
    const { ipv4, ipv6, signal, log, interfaceName } = this.#options;
    signal?.throwIfAborted();
    if (!ipv4 && !ipv6) throw new Error("mdns: IPv4 and IPv6 are both switched off; leave one of them on");
    const names = Object.keys(networkInterfaces());
    if (interfaceName !== undefined && !names.includes(interfaceName)) {
      throw new Error(
        `mdns: ${JSON.stringify(interfaceName)} is no interface with an address; this machine has ${names.sort().join(", ") || "none"}`,
      );
    }
    const problems: string[] = [];
    for (const family of [4, 6] as const) {
      if (!(family === 4 ? ipv4 : ipv6)) continue;
      try {
        this.#links.set(family, await this.#open(family));
      } catch (error) {
        problems.push(`IPv${family}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (this.#links.size === 0) {
      throw new Error(
        `mdns: multicast cannot be heard (${problems.join("; ")}); give an interface that has it, or join by address`,
      );
    }
    for (const problem of problems) log.debug({}, `mdns: ${problem}`);
    if (signal?.aborted) {
      await this[Symbol.asyncDispose]();
      signal.throwIfAborted();
    }
    signal?.addEventListener("abort", this.#abort, { once: true });
    this.#ask();
    for (const delay of ASK_AGAIN_MS) this.#timers.push(setTimeout(() => this.#ask(), delay).unref());
    this.#timers.push(setInterval(() => this.#ask(), ASK_INTERVAL_MS).unref());
    this.#timers.push(setInterval(() => this.#refresh(), REFRESH_MS).unref());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#abort);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#found.close();
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #open(family: 4 | 6): Promise<Link> {
    const { interfaceName, log, openLink = openMulticastLink } = this.#options;
    return openLink({
      family,
      interfaceName,
      receive: (bytes, from) => this.#receive(family, bytes, from),
      onProblem: (problem) => log.debug({}, `mdns: IPv${family}: ${problem}`),
    });
  }

  #ask(): void {
    this.#refresh();
    this.#found.tidy();
    for (const link of this.#links.values()) link.ask(this.#question);
  }

  #refresh(): void {
    this.#scope.refresh();
    for (const link of this.#links.values()) link.refresh();
  }

  #receive(family: 4 | 6, bytes: Uint8Array, from: Sender): void {
    // Whoever is elsewhere does not count against those on the link.
    if (this.#closed || !this.#scope.has(from.address)) return;
    const now = performance.now();
    if (!this.#messages.take(from.address, now)) return;
    if (!this.#steps.take(from.address, now, readingSteps(bytes))) return;
    const message = decodeMessage(bytes);
    if (message?.type === "query") this.#answer(family, message, from);
    else if (message?.type === "response") for (const each of foundIn(message, this.#service.name)) this.#hear(each);
  }

  #answer(family: 4 | 6, query: Message, from: Sender): void {
    const answer = encodeAnswer(query, this.#service, from.port !== MDNS_PORT);
    if (!answer || !this.#answers.take(from.address, performance.now())) return;
    this.#links.get(family)?.answer(answer, from);
  }

  #hear(found: Found): void {
    const address = text(found);
    if (address === this.#own || !isJoinable(found.address, this.#options.address)) return;
    this.#found.heard(address);
  }
}

/** Whether it makes sense to dial it from here: no group, no wildcard, and no loopback but from a loopback. */
function isJoinable(address: string, own: string): boolean {
  if (address === "0.0.0.0" || address === "::" || /^(22[4-9]|23\d|24\d|25[0-5]|0)\.|^ff|^fe[89ab]/i.test(address))
    return false;
  return isLoopback(own) || !isLoopback(address);
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function text({ address, port }: Found): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
