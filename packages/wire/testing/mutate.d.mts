export interface Sample {
  readonly kind: "packet" | "stream";
  readonly acceptor: boolean;
  readonly bytes: Uint8Array;
}

export class Random {
  constructor(seed: number);
  next(): number;
  below(n: number): number;
}

export function corpus(vectors: URL): Sample[];
export function mutate(bytes: Uint8Array, random: Random, samples: readonly Sample[]): Uint8Array;
