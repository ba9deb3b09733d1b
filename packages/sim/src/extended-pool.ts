/** A pool of whole Hearsay nodes, what goes beyond Serf included: what phi accrual and the mixed pool are studied on. */
import { type ExtendedEvent, ExtendedSerf, type ExtensionSettings, withCapabilities } from "@hearsay/extended";
import type { SerfOptions, Tags } from "@hearsay/serf";
import { PoolOfSerfs, type SerfPoolOptions } from "./serf-pool.ts";
import type { SimNode } from "./sim-node.ts";

export type ExtendedNode = SimNode<ExtendedSerf, ExtendedEvent>;

export interface ExtendedPoolOptions extends SerfPoolOptions {
  /** Of each machine, by its name; undefined for one that speaks Serf alone. Default: the defaults, for all. */
  readonly extensions?: (name: string) => Partial<ExtensionSettings> | undefined;
}

/** What virtual clocks show at 0: wall-clock ms. A round number in 2026. */
const wallOffsetMs = 1_790_000_000_000;

export class ExtendedPool extends PoolOfSerfs<ExtendedSerf, ExtendedEvent> {
  readonly #extensions: (name: string) => Partial<ExtensionSettings> | undefined;
  #lives = 0;

  constructor({ extensions = () => ({}), ...options }: ExtendedPoolOptions) {
    super(options);
    this.#extensions = extensions;
  }

  protected make(options: SerfOptions): ExtendedSerf {
    const { extensions: _, ...serf } = options;
    const settings = this.#extensions(options.name);
    if (settings === undefined) return new ExtendedSerf(serf);
    const life = ++this.#lives;
    const generation = wallOffsetMs + life;
    return new ExtendedSerf({ ...serf, extensions: { wallOffsetMs, generation, life, ...settings } });
  }

  protected override tagsOf(name: string, tags: Tags): Tags {
    return this.#extensions(name) === undefined ? tags : withCapabilities(tags);
  }
}
