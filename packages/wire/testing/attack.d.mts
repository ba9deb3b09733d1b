import type { Codec } from "@hearsay/core";
import type { Sample } from "./mutate.d.mts";

export function extremes(codec: Codec): Sample[];

export class Attack {
  constructor(options: { codecs: readonly Codec[]; samples: readonly Sample[]; seed: number });
  readonly samples: readonly Sample[];
  readonly inputs: number;
  readonly messages: number;
  readonly slowestMs: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly input: Uint8Array;
  step(): void;
}
