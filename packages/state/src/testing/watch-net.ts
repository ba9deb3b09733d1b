/** A network of state machines with detectors around them, and who suspected whom. */
import type { StateConfig } from "../config.ts";
import { HeartbeatWatch } from "../heartbeat-watch.ts";
import type { PhiSettings } from "../phi-config.ts";
import { Net, nameOf } from "./net.ts";

export interface WatchNetOptions {
  readonly nodes: number;
  readonly seed?: number;
  readonly loss?: number;
  readonly config?: Partial<StateConfig>;
  readonly phi?: Partial<PhiSettings>;
}

/** A verdict that changed. */
export interface Verdict {
  readonly at: number;
  readonly by: number;
  readonly name: string;
  readonly suspected: boolean;
}

export class WatchNet {
  readonly net: Net;
  readonly watches: HeartbeatWatch[] = [];
  readonly verdicts: Verdict[] = [];

  constructor({ nodes, seed, loss, config, phi }: WatchNetOptions) {
    this.net = new Net({
      nodes,
      seed: seed ?? 1,
      loss: loss ?? 0,
      config: { heartbeatIntervalMs: 1000, ...config },
      tickMs: 50,
      around: (state, i) => {
        const watch = new HeartbeatWatch(state, phi);
        this.watches[i] = watch;
        return watch;
      },
    });
  }

  run(ms: number): void {
    for (const end = this.net.now + ms; this.net.now < end; ) this.tick();
  }

  /** Ms until it holds; throws after `mostMs`. */
  until(holds: () => boolean, mostMs: number): number {
    const start = this.net.now;
    while (!holds()) {
      if (this.net.now - start >= mostMs) throw new Error(`not within ${mostMs} ms`);
      this.tick();
    }
    return this.net.now - start;
  }

  tick(): void {
    const { net } = this;
    net.tick();
    for (const by of net.up) {
      for (const { name, suspected } of this.watches[by]!.sweep(net.now))
        this.verdicts.push({ at: net.now, by, name, suspected });
    }
  }

  /** Of those that run, each with this one's phi. */
  phis(of: number): number[] {
    const { net } = this;
    return [...net.up].filter((by) => by !== of).map((by) => this.watches[by]!.phi(nameOf(of), net.now));
  }
}
