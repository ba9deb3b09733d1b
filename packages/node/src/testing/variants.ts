/**
 * The two kinds of node, for cases that both are held to. The worker needs a file to load, so the isolated one is taken
 * from the built package, and its cases are skipped without a build.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { HearsayNode, NodeOptions } from "../api.ts";
import { createNode } from "../node.ts";
import type { UserEvent } from "../serf-api.ts";
import { until } from "./fake-machine.ts";

type Create = typeof createNode;

const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const createBuilt: Create = async (options) => {
  const { createNode: create } = (await import(built)) as { createNode: Create };
  return create(options);
};

export interface Variant {
  readonly where: string;
  readonly isolate: boolean;
  readonly create: Create;
  /** Cannot be run: there is no build. */
  readonly missing: boolean;
}

export const variants: readonly Variant[] = [
  { where: "in this thread", isolate: false, create: createNode, missing: false },
  { where: "isolated (built package)", isolate: true, create: createBuilt, missing: !existsSync(built) },
];

/** Starts nodes of one kind on loopback with quick timings; all that are open can be closed together. */
export class Nodes {
  readonly open: HearsayNode[] = [];
  readonly #variant: Variant;

  constructor(variant: Variant) {
    this.#variant = variant;
  }

  async start(name: string, options: NodeOptions = {}): Promise<HearsayNode> {
    const config = { probeIntervalMs: 200, probeTimeoutMs: 80, gossipIntervalMs: 20 };
    const { isolate, create } = this.#variant;
    const node = await create({ name, bind: "127.0.0.1:0", profile: "local", config, isolate, ...options });
    this.open.push(node);
    return node;
  }

  /** A converged pool; the first is everybody's seed. */
  async pool(names: readonly string[], options: (name: string) => NodeOptions = () => ({})) {
    const all: HearsayNode[] = [];
    for (const name of names) {
      all.push(await this.start(name, { seeds: all.slice(0, 1).map(at), ...options(name) }));
    }
    await until(() => all.every((node) => node.members().length === names.length), "company");
    return all as [HearsayNode, HearsayNode, HearsayNode];
  }

  async close(): Promise<void> {
    await Promise.all(this.open.splice(0).map((node) => node.close()));
  }
}

export const at = (node: HearsayNode): string => `${node.address}:${node.port}`;

/** What became of a call, in one word: `resolved`, the error's code, or `threw` and the code. */
export function outcome(act: () => Promise<unknown> | undefined): Promise<string> {
  try {
    return Promise.resolve(act()).then(
      () => "resolved",
      (error: { code: string }) => error.code,
    );
  } catch (error) {
    return Promise.resolve(`threw ${(error as { code: string }).code}`);
  }
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The user events at a node from now on, one line each. */
export function eventsAt(node: HearsayNode): string[] {
  const seen: string[] = [];
  node.on("user-event", ({ name, payload, coalesce }: UserEvent) =>
    seen.push(`${name} ${text(payload)}${coalesce ? " (coalesce)" : ""}`),
  );
  return seen;
}
