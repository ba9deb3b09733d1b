/**
 * A network of its own for a pool: one namespace with a bridge, and for each host a namespace with a cable to it. Links
 * can be cut in one direction or both, and mended; what is cut vanishes without an answer, as in a real network.
 * Needs root, `ip` and `nft` (see `canNetns` in harness.ts).
 *
 *        hub (10.77.0.254, bridge)
 *       /    |    \
 *    10.77.0.1  .2  .3 …           nobody else's network is touched
 */
import { execFileSync, spawnSync } from "node:child_process";

/** A place to run programs at. */
export interface Host {
  readonly address: string;
  readonly namespace: string;
  /** Put before a command line to run it there. */
  readonly enter: readonly string[];
}

export class Network implements AsyncDisposable {
  readonly hosts: Host[] = [];
  /** Reaches all hosts whatever is cut between them: for command line tools. */
  readonly hub: Host;
  readonly #prefix: string;

  constructor(count: number) {
    sweep();
    this.#prefix = `hearsay-${process.pid}-${created++}`;
    this.hub = host(`${this.#prefix}-hub`, "10.77.0.254");
    namespaces.add(this.hub.namespace);
    ip("netns", "add", this.hub.namespace);
    in_(this.hub, "link", "add", "bridge", "type", "bridge");
    in_(this.hub, "addr", "add", `${this.hub.address}/24`, "dev", "bridge");
    in_(this.hub, "link", "set", "lo", "up");
    in_(this.hub, "link", "set", "bridge", "up");
    for (let i = 1; i <= count; i++) this.#add(i);
  }

  /** Nothing from `from` arrives at `to` any more; the other way is left as it is. */
  cut(from: Host, to: Host): void {
    nft(to, `add rule inet cut input ip saddr ${from.address} drop`);
  }

  /** Nothing passes between the two sides, in either direction. */
  partition(one: readonly Host[], other: readonly Host[]): void {
    for (const a of one) {
      for (const b of other) {
        this.cut(a, b);
        this.cut(b, a);
      }
    }
  }

  /** One packet in so many is lost at every host, of every kind. 1: all of them. */
  loseOneIn(packets: number): void {
    for (const each of this.hosts) nft(each, `add rule inet cut input numgen random mod ${packets} 0 drop`);
  }

  /** Mends all that was cut or lossy. */
  heal(): void {
    for (const each of this.hosts) nft(each, "flush chain inet cut input");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { namespace } of [...this.hosts, this.hub]) remove(namespace);
  }

  #add(number: number): void {
    const added = host(`${this.#prefix}-${number}`, `10.77.0.${number}`);
    namespaces.add(added.namespace);
    ip("netns", "add", added.namespace);
    in_(this.hub, "link", "add", `cable${number}`, "type", "veth", "peer", "name", "eth0", "netns", added.namespace);
    in_(this.hub, "link", "set", `cable${number}`, "master", "bridge", "up");
    in_(added, "addr", "add", `${added.address}/24`, "dev", "eth0");
    in_(added, "link", "set", "lo", "up");
    in_(added, "link", "set", "eth0", "up");
    nft(added, "add table inet cut");
    nft(added, "add chain inet cut input { type filter hook input priority 0; }");
    this.hosts.push(added);
  }
}

let created = 0;
const namespaces = new Set<string>();
process.on("exit", () => {
  for (const name of namespaces) remove(name);
});

function host(namespace: string, address: string): Host {
  return { namespace, address, enter: ["nsenter", `--net=/run/netns/${namespace}`, "--"] };
}

function remove(namespace: string): void {
  spawnSync("ip", ["netns", "del", namespace]);
  namespaces.delete(namespace);
}

/** Removes what a run that was killed has left behind. */
function sweep(): void {
  const list = execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const [name, pid] of list.matchAll(/^hearsay-(\d+)-\S+/gm)) {
    if (!namespaces.has(name) && !alive(Number(pid))) remove(name);
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
}

function in_(place: Host, ...args: string[]): void {
  ip("-n", place.namespace, ...args);
}

function nft(place: Host, command: string): void {
  const [program, ...rest] = [...place.enter, "nft", ...command.split(" ")];
  execFileSync(program!, rest, { stdio: ["ignore", "ignore", "inherit"] });
}
