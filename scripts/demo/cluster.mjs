// @ts-check
/** Five agents as processes of their own, and what each of them says and thinks. Knows nothing of screens or stories. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RpcClient } from "@hearsay/agent";
import { root, run } from "../bootstrap.mjs";

const bin = join(root, "packages/hearsay/bin/hearsay.mjs");
const leash = fileURLToPath(new URL("leash.mjs", import.meta.url));
const host = "127.0.0.1";
const pollMs = 100;

/**
 * @typedef {"alive" | "suspect" | "leaving" | "left" | "failed" | "none"} Status
 * @typedef {{ at: number, viewer: string, member: string, type: string }} Happening `at`: Date.now() when it was heard
 */

export class Agent {
  /** What it thinks of whom; empty while it does not answer. @type {Map<string, Status>} */
  members = new Map();
  /** Whom it suspects since when (Date.now()): Serf's statuses do not tell. @type {Map<string, number>} */
  suspects = new Map();
  running = false;
  gossipPort = 0;
  rpcPort = 0;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  child;
  /** @type {RpcClient | undefined} */
  rpc;
  /** Its last words, for when it ends at start. @type {string[]} */
  tail = [];

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** @param {string} member
   *  @returns {Status} */
  opinion(member) {
    const status = this.members.get(member) ?? "none";
    return status === "alive" && this.suspects.has(member) ? "suspect" : status;
  }
}

export class Cluster {
  /** @type {((happening: Happening) => void)[]} */
  #listeners = [];
  /** @type {NodeJS.Timeout | undefined} */
  #poll;
  #closed = false;

  /** @param {readonly string[]} names */
  constructor(names) {
    this.agents = names.map((name) => new Agent(name));
  }

  /** Finds ports and starts all; resolves when the processes are there. */
  async start() {
    const ports = await freePorts(2 * this.agents.length);
    for (const [i, agent] of this.agents.entries()) {
      agent.gossipPort = ports[2 * i] ?? 0;
      agent.rpcPort = ports[2 * i + 1] ?? 0;
    }
    for (const agent of this.agents) this.launch(agent);
    this.#poll = setInterval(() => this.agents.map((agent) => this.#ask(agent)), pollMs);
  }

  /** @param {Agent} agent */
  launch(agent) {
    const others = this.agents.filter((other) => other !== agent);
    const args = [
      "agent",
      `-node=${agent.name}`,
      `-bind=${host}:${agent.gossipPort}`,
      `-rpc-addr=${host}:${agent.rpcPort}`,
      "-log-format=json",
      "-log-level=debug",
      "-retry-interval=1s",
      ...others.map((other) => `-retry-join=${host}:${other.gossipPort}`),
    ];
    // Of a process group of its own: the terminal's Ctrl-C is for the view, which then ends the agents.
    const child = spawn(process.execPath, ["--import", leash, bin, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: process.platform !== "win32",
    });
    agent.child = child;
    agent.running = true;
    agent.tail = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#heard(agent, line));
    }
    child.on("error", (error) => agent.tail.push(error.message));
    child.on("close", () => {
      if (agent.child !== child) return;
      agent.running = false;
      agent.members.clear();
      agent.suspects.clear();
      void agent.rpc?.close();
      agent.rpc = undefined;
    });
  }

  /** kill -9. @param {Agent} agent */
  async kill(agent) {
    const { child } = agent;
    if (!child || !agent.running) return;
    const gone = once(child, "close");
    child.kill("SIGKILL");
    await gone;
  }

  /** What `hearsay why` prints.
   *  @param {Agent} asked
   *  @param {string} member */
  async why(asked, member) {
    const command = ["why", member, `-rpc-addr=${host}:${asked.rpcPort}`];
    const { output } = await run(process.execPath, [bin, ...command]);
    return { command: `hearsay ${command.join(" ")}`, lines: output.trimEnd().split("\n") };
  }

  /** @param {(happening: Happening) => void} listener */
  onHappening(listener) {
    this.#listeners.push(listener);
  }

  /** At once and without waiting: for exit handlers. */
  killAll() {
    this.#closed = true;
    clearInterval(this.#poll);
    for (const { child } of this.agents) child?.kill("SIGKILL");
  }

  async close() {
    this.#closed = true;
    clearInterval(this.#poll);
    await Promise.all(this.agents.map((agent) => this.kill(agent)));
  }

  /** @param {Agent} agent */
  async #ask(agent) {
    const { child } = agent;
    if (!agent.running || this.#closed) return;
    try {
      agent.rpc ??= await RpcClient.connect({ host, port: agent.rpcPort, timeoutMs: 2000 });
      const members = await agent.rpc.members();
      if (agent.child !== child || !agent.running) return;
      agent.members = new Map(members.map(({ name, status }) => [name, /** @type {Status} */ (status)]));
    } catch {
      // It is starting or ending; asked again soon.
      agent.rpc = undefined;
    }
  }

  /** @param {Agent} agent
   *  @param {string} line */
  #heard(agent, line) {
    agent.tail = [...agent.tail.slice(-20), line];
    const said = parse(line);
    if (said === undefined || said.member === agent.name || this.#closed) return;
    const happening = { at: Date.now(), viewer: agent.name, ...said };
    if (said.type === "member-suspect") agent.suspects.set(said.member, happening.at);
    else agent.suspects.delete(said.member);
    for (const listener of this.#listeners) listener(happening);
  }
}

/** A member event in an agent's JSON log, or undefined for any other line.
 *  @param {string} line */
function parse(line) {
  try {
    const { event, member } = JSON.parse(line);
    const isMemberEvent = typeof event === "string" && event.startsWith("member-") && typeof member === "string";
    return isMemberEvent ? { type: event, member } : undefined;
  } catch {
    return undefined;
  }
}

/** Ports that nobody listens on, held open together so that they differ.
 *  @param {number} count */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, host));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => /** @type {import("node:net").AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
