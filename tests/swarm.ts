/** Raw memberlist pools of `Swim` machines in a simulated world, for scenario tests. */
import { lanConfig, NameTable, Rng, Swim, type SwimConfig, type SwimEvent } from "@hearsay/core";
import { World } from "@hearsay/sim";
import { type Recorded, record, recorded } from "./recorded.ts";

export type SwimNode = Recorded<Swim, SwimEvent>;

export class Swarm {
  readonly world: World<Swim, SwimEvent>;
  readonly nodes: SwimNode[] = [];
  readonly #rng: Rng;
  readonly #names = new NameTable();
  readonly #config: SwimConfig;

  constructor(seed: number, config: Partial<SwimConfig> = {}) {
    this.world = new World({ seed, network: { latency: { kind: "uniform", minMs: 1, maxMs: 2 } } });
    record(this.world);
    this.#rng = new Rng(seed);
    this.#config = { ...lanConfig, ...config };
  }

  /** A machine of its own at 10.0.x.y. */
  add(name = `n${this.nodes.length}`, port = 7946): SwimNode {
    const i = this.nodes.length;
    const addr = Uint8Array.of(10, 0, i >> 8, i & 255);
    const node = recorded(this.world.add(this.machine(name, addr, port), { address: addr.join("."), port }));
    this.nodes.push(node);
    return node;
  }

  machine(name: string, addr: Uint8Array, port: number): Swim {
    return new Swim({
      name,
      addr,
      port,
      config: this.#config,
      codec: this.world.fidelity.codec,
      rng: this.#rng.fork(`${name}:${port}`),
      names: this.#names,
    });
  }

  join(node: SwimNode, seed: SwimNode): void {
    this.world.act(node, (machine, now) => machine.join(seed.endpoint, now));
  }

  /** Everyone of `nodes` sees exactly `nodes` alive. */
  agreed(nodes: readonly SwimNode[] = this.nodes.filter(({ alive }) => alive)): boolean {
    return nodes.every(({ machine }) => machine.aliveCount === nodes.length);
  }
}
