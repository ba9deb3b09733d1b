/**
 * Pools of real processes: HashiCorp's `serf agent` and ours, each at an address of its own, with its output kept and its
 * end guaranteed. Nothing here knows the protocol; what members think is asked through the two command lines.
 *
 *   await using pool = new Pool("story");
 *   const a = await pool.serf();
 *   const b = await pool.hearsay({ join: a });
 *   await waitFor(async () => sees(await serfMembers(b), { [a.name]: "alive", [b.name]: "alive" }), 10_000);
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { findPeers } from "../scripts/peers.mjs";
import type { Host } from "./network.ts";

/** `npm test` has looked already and tells; a bare vitest run looks for itself. */
const peers =
  process.env.HEARSAY_NETNS === undefined
    ? await findPeers()
    : { serf: process.env.HEARSAY_SERF || undefined, namespaces: process.env.HEARSAY_NETNS === "1" };
export const hasSerf = peers.serf !== undefined;
export const canNetns = peers.namespaces;

const hearsayBin = fileURLToPath(new URL("../packages/hearsay/bin/hearsay.mjs", import.meta.url));

/**
 * By then everybody knows, also what gossip did not bring: now and then a piece of news runs out of transmissions before
 * it has reached every Go agent, and waits for that agent's next push/pull. The first comes after 30 to 60 s.
 */
export const mendedMs = 65_000;

export type Kind = "serf" | "hearsay";

/** How a command line of either kind begins. */
export function program(kind: Kind): readonly string[] {
  return kind === "serf" ? [peers.serf ?? "serf"] : [process.execPath, hearsayBin];
}

export interface AgentOptions {
  /** Default: unique in this run. */
  readonly name?: string;
  /** Agents or `host:port` to join at start. */
  readonly join?: Agent | string | readonly (Agent | string)[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly encrypt?: string;
  /** What its RPC asks of clients. Agents of ours only: theirs take it from files alone. */
  readonly token?: string;
  /** Default: the same for all, 7946. */
  readonly port?: number;
  /** Default: an address of its own on the loopback. */
  readonly address?: string;
  /** Machine it runs on, when the pool lives in a `Network`. */
  readonly host?: Host;
  /** More flags, as they are. */
  readonly flags?: readonly string[];
}

export interface ListedMember {
  readonly name: string;
  /** `ip:port`. */
  readonly addr: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
}

/** What an agent said of its members, in order: from its log. */
export interface LoggedEvent {
  readonly type: string;
  readonly member: string;
}

export class Agent {
  readonly kind: Kind;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** `host:port` of its RPC. */
  readonly rpc: string;
  readonly host: Host | undefined;
  readonly token: string | undefined;
  readonly pid: number;
  /** All that it has printed. */
  output = "";
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;

  constructor(kind: Kind, options: AgentOptions & { name: string; address: string; port: number }) {
    this.kind = kind;
    this.name = options.name;
    this.address = options.address;
    this.port = options.port;
    this.host = options.host;
    this.token = options.token;
    this.rpc = `${options.address}:${options.port === 7946 ? 7373 : options.port + 1}`;
    const joins = [options.join ?? []].flat().map((to) => (typeof to === "string" ? to : to.gossip));
    const [command, ...args] = [
      ...program(kind),
      "agent",
      `-node=${this.name}`,
      `-bind=${this.gossip}`,
      `-rpc-addr=${this.rpc}`,
      "-log-level=debug",
      ...joins.map((to) => `-join=${to}`),
      ...Object.entries(options.tags ?? {}).flatMap(([key, value]) => ["-tag", `${key}=${value}`]),
      ...(options.encrypt ? [`-encrypt=${options.encrypt}`] : []),
      ...(options.token ? [`-rpc-auth=${options.token}`] : []),
      ...(options.flags ?? []),
    ];
    this.#child = launch([...(this.host?.enter ?? []), command!, ...args]);
    this.pid = this.#child.pid!;
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    this.exited = new Promise((resolve) => this.#child.on("close", (code, signal) => resolve({ code, signal })));
  }

  /** `host:port` of its gossip. */
  get gossip(): string {
    return `${this.address}:${this.port}`;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** kill -9: no word to anyone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGTERM: by default both kinds stop in order, and without a word to anyone. */
  async terminate(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.exited;
  }

  async leave(): Promise<void> {
    await runCli(this.kind, ["leave", `-rpc-addr=${this.rpc}`], this.host);
    await this.exited;
  }

  /** Member events that it has told of so far: both kinds log them in the same words. */
  events(): LoggedEvent[] {
    const lines = this.output.matchAll(/serf: EventMember([A-Z][a-z]+)(?: \(forced\))?: (\S+)/g);
    return [...lines].map(([, word, member]) => ({ type: `member-${word!.toLowerCase()}`, member: member! }));
  }
}

/** The agents of one story. Disposing ends them all, without a word to anyone. */
export class Pool implements AsyncDisposable {
  readonly agents: Agent[] = [];
  readonly #label: string;
  readonly #programs: ChildProcess[] = [];
  #places = 0;
  readonly #subnet = `127.${64 + Math.floor(Math.random() * 190)}.${Math.floor(Math.random() * 256)}`;

  /** @param label starts the names of its agents; a word. */
  constructor(label: string) {
    this.#label = `${label}-${process.pid}`;
  }

  /** A running `serf agent`. */
  serf(options: AgentOptions = {}): Promise<Agent> {
    return this.#start("serf", options);
  }

  /** A running agent of ours. */
  hearsay(options: AgentOptions = {}): Promise<Agent> {
    return this.#start("hearsay", options);
  }

  /** `count` of each kind, serf agents first. One starts alone, the others join through it: the first of `seed`'s kind. */
  async mixed(count: number, seed: Kind = "serf", options: (index: number) => AgentOptions = () => ({})) {
    const start = (index: number, more: AgentOptions) =>
      this.#start(index < count ? "serf" : "hearsay", { ...options(index), ...more });
    const alone = seed === "serf" ? 0 : count;
    const first = await start(alone, {});
    const agents = Array.from({ length: 2 * count }, (_, i) => (i === alone ? first : start(i, { join: first })));
    return Promise.all(agents);
  }

  /** A name and a loopback address that nobody else of this run has. */
  place(kind: string): { name: string; address: string } {
    const number = ++this.#places;
    return { name: `${this.#label}-${kind}-${number}`, address: `${this.#subnet}.${number}` };
  }

  /** Any other program that shall end with the pool. */
  run(line: readonly string[]): ChildProcess {
    const child = launch(line);
    this.#programs.push(child);
    return child;
  }

  async #start(kind: Kind, options: AgentOptions): Promise<Agent> {
    const { name, address } = this.place(kind);
    const agent = new Agent(kind, {
      ...options,
      name: options.name ?? name,
      address: options.address ?? options.host?.address ?? address,
      port: options.port ?? 7946,
    });
    this.agents.push(agent);
    await waitFor(
      async () => {
        if (!agent.running) throw new Error(`${agent.name} ended at start:\n${agent.output}`);
        return (await serfMembers(agent)).length > 0;
      },
      15_000,
      () => `${agent.name} does not answer:\n${agent.output}`,
    );
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#programs) child.kill("SIGKILL");
    await Promise.all(this.agents.map((agent) => agent.kill()));
  }
}

/** `serf members -format=json` against any agent. */
export function serfMembers(of: Agent): Promise<ListedMember[]> {
  return members("serf", of);
}

/** `hearsay members -format=json` against any agent. */
export function hearsayMembers(of: Agent): Promise<ListedMember[]> {
  return members("hearsay", of);
}

async function members(cli: Kind, of: Agent): Promise<ListedMember[]> {
  try {
    const auth = of.token ? [`-rpc-auth=${of.token}`] : [];
    const text = await runCli(cli, ["members", "-format=json", `-rpc-addr=${of.rpc}`, ...auth], of.host);
    return (JSON.parse(text).members as ListedMember[] | null) ?? [];
  } catch (error) {
    // An agent that is starting or ending does not answer; a wrong answer is another matter.
    if (error instanceof CliError) return [];
    throw error;
  }
}

/** A command line tool ended with an exit code other than 0. */
export class CliError extends Error {}

/** Runs either command line tool and gives its standard output; where a `host` is given, from that network.
 *  Throws CliError. */
export function runCli(cli: Kind, args: readonly string[], host?: Host): Promise<string> {
  const [command, ...rest] = [...(host?.enter ?? []), ...program(cli), ...args];
  return new Promise((resolve, reject) => {
    execFile(command!, rest, { timeout: 30_000 }, (error, stdout, stderr) => {
      if (error) reject(new CliError(`${cli} ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

/** Whether the list has exactly these names with these statuses. */
export function sees(list: readonly ListedMember[], expected: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(expected);
  return list.length === names.length && list.every((member) => expected[member.name] === member.status);
}

/** One status for each of `agents`, for `sees`. */
export function all(agents: readonly Agent[], status = "alive"): Record<string, string> {
  return Object.fromEntries(agents.map((agent) => [agent.name, status]));
}

/** Resolves with the ms it took until each of `viewers` sees what is expected; else tells what each sees. */
export async function untilAllSee(
  viewers: readonly Agent[],
  expected: Readonly<Record<string, string>>,
  ms: number,
): Promise<number> {
  const lists = new Map<Agent, ListedMember[]>();
  const describe = () =>
    [...lists]
      .filter(([, list]) => !sees(list, expected))
      .map(([agent, list]) => `${agent.name} sees ${list.map((m) => `${m.name}=${m.status}`).join(" ") || "nothing"}`)
      .join("\n");
  return waitFor(
    async () => {
      for (const agent of viewers) {
        if (lists.has(agent) && sees(lists.get(agent)!, expected)) continue;
        lists.set(agent, await serfMembers(agent));
      }
      if (describe() !== "") return false;
      // All were right at some time; now all at once.
      for (const agent of viewers) lists.set(agent, await serfMembers(agent));
      return describe() === "";
    },
    ms,
    () => `expected ${JSON.stringify(expected)}\n${describe()}`,
  );
}

/**
 * Asks `predicate` again and again until it is true; resolves with the ms that took.
 * Rejects when `ms` have passed, with `explain` in the message.
 */
export async function waitFor(
  predicate: () => boolean | Promise<boolean>,
  ms: number,
  explain: () => string = () => "",
): Promise<number> {
  const started = performance.now();
  for (;;) {
    if (await predicate()) return performance.now() - started;
    if (performance.now() - started > ms) throw new Error(`not within ${ms} ms. ${explain()}`);
    await sleep(200);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A port of `address` that nobody has, for TCP and, as far as one can tell, UDP. */
export function freePort(address = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, address, () => {
      const at = server.address();
      server.close(() => (at && typeof at === "object" ? resolve(at.port) : reject(new Error("no port"))));
    });
  });
}

// --- processes -------------------------------------------------------------------------------------------------------

const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});
// A test worker outlives a runner that was killed, unless it sees to its own end.
process.on("disconnect", () => process.exit(1));
/** Where the kernel can do it, a child dies with this process, however that ends. */
const withParent =
  spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0 ? ["setpriv", "--pdeathsig", "KILL"] : [];

/** Starts a program whose life is bound to this process's; stdin, stdout and stderr are pipes. */
export function launch(line: readonly string[]): ChildProcess {
  const [command, ...args] = [...withParent, ...line];
  const child = spawn(command!, args, { stdio: ["pipe", "pipe", "pipe"] });
  started.add(child);
  child.on("close", () => started.delete(child));
  child.on("error", () => started.delete(child));
  return child;
}
