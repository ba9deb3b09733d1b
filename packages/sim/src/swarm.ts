/**
 * A swarm run: a pool, its settings and all that goes wrong with it, drawn from one seed. First everything breaks, and the
 * checkers see to it that nobody does what is wrong; then everything is mended, and all must agree in bounded time, hear
 * every broadcast, and stay as they are. The same seed is the same run, byte for byte.
 *
 * The machines are `Swim`, as in a raw memberlist pool, or, for one seed in five, `Serf` around it.
 */
import {
  type Machine,
  type ProfileName,
  profiles,
  Rng,
  type Swim,
  type SwimConfig,
  type SwimOptions,
} from "@hearsay/core";
import type { Violation } from "./checkers/checker.ts";
import { Checkers } from "./checkers/checkers.ts";
import type { FidelityName } from "./fidelity.ts";
import { drawFaults, type Fault } from "./swarm-faults.ts";
import { rawLayer, type SwarmLayer, serfLayer } from "./swarm-layer.ts";
import { SwarmFaults } from "./swarm-play.ts";
import { SwarmPool } from "./swarm-pool.ts";

export interface SwarmOptions {
  readonly seed: number;
  /** Members at the start, from … to: 5 … 50 by default. */
  readonly nodes?: readonly [from: number, to: number];
  /** Default: drawn, one in four "objects". */
  readonly fidelity?: FidelityName;
  /** Default: drawn, one in five "serf". */
  readonly machines?: "swim" | "serf";
  /** In place of the faults drawn. */
  readonly faults?: readonly Fault[];
  /** In place of the settings drawn. */
  readonly settings?: Partial<SwarmSettings>;
  /** Makes the machines of a raw pool: for tests that break them. */
  readonly machine?: (options: SwimOptions) => Swim;
}

/** What a seed decides beside the faults. */
export interface SwarmSettings {
  readonly nodes: number;
  readonly machines: "swim" | "serf";
  readonly profile: ProfileName;
  /** What differs from the profile. */
  readonly config: Partial<SwimConfig>;
  readonly fidelity: FidelityName;
  /** Begins as a pool; else everybody joins. */
  readonly converged: boolean;
  /** How long things break: ms. */
  readonly breakMs: number;
}

export interface SwarmResult {
  readonly seed: number;
  readonly settings: SwarmSettings;
  readonly faults: readonly Fault[];
  /** Of all packets and streams, in time and size. */
  readonly digest: string;
  /** Of all machines. */
  readonly events: number;
  readonly packets: number;
  /** ms of the whole run, in its own time. */
  readonly virtualMs: number;
  /** ms from healing until all agreed; undefined when they did not. */
  readonly agreedAfterMs: number | undefined;
  readonly violations: readonly Violation[];
}

/** ms between two looks at all machines. */
const lookMs = 1000;
/** Broadcasts that everybody has to hear at the end. */
const lastBroadcasts = 12;
/** Probe intervals that all must stay as they are at the end. */
const quietProbes = 8;

/** Runs a seed from beginning to end. */
export function runSwarm(options: SwarmOptions): SwarmResult {
  const settings = { ...drawSettings(options.seed, options), ...options.settings };
  return settings.machines === "serf"
    ? play(options, settings, serfLayer)
    : play(options, settings, rawLayer(options.machine));
}

function play<M extends Machine<E>, E>(
  options: SwarmOptions,
  settings: SwarmSettings,
  layer: SwarmLayer<M, E>,
): SwarmResult {
  const { seed } = options;
  const { nodes, breakMs } = settings;
  const faults =
    options.faults ?? drawFaults(new Rng(seed).fork("faults"), nodes, Math.min(10_000, breakMs / 4), breakMs);
  const config = { ...profiles[settings.profile], ...settings.config };
  const pool = new SwarmPool({ ...settings, seed, config, layer });
  const { world } = pool;
  const checkers = new Checkers(world, config, layer);
  pool.begin();
  checkers.watch(lookMs);

  const troubles = new SwarmFaults(pool, checkers.history, breakMs);
  for (const fault of faults) world.at(fault.at, () => troubles.begin(fault));
  world.run(breakMs);

  checkers.healed(troubles.heal());
  const { agreementMs } = checkers.bounds();
  world.runUntil(() => checkers.agreed, checkers.healedAt - world.now + agreementMs + 2 * lookMs, lookMs);
  if (checkers.agreed) endInPeace(pool, checkers, config, new Rng(seed).fork("peace"));
  const { agreedAt, healedAt } = checkers;
  return {
    seed,
    settings,
    faults,
    digest: world.digest?.toString() ?? "",
    events: checkers.events,
    packets: world.nodes.reduce((sum, node) => sum + node.traffic.packetsSent, 0),
    virtualMs: world.now,
    agreedAfterMs: checkers.agreed ? agreedAt - healedAt : undefined,
    violations: checkers.violations,
  };
}

/** All agree: now everybody hears what anybody says, and nothing else happens. */
function endInPeace<M extends Machine<E>, E>(
  pool: SwarmPool<M, E>,
  checkers: Checkers<M, E>,
  config: SwimConfig,
  rng: Rng,
): void {
  const { world } = pool;
  const speakers = pool.living().filter((member) => !member.leaving);
  for (let i = 0; i < lastBroadcasts; i++) {
    const member = speakers[rng.below(speakers.length)]!;
    const from = checkers.processAt(member.place);
    const payload = pool.broadcast(member, 8 + rng.below(200));
    if (payload) checkers.delivery.expect(payload, from, checkers);
    world.run(config.gossipIntervalMs * rng.float());
  }
  world.runUntil(() => checkers.delivery.complete, checkers.bounds().spreadMs, 100);
  world.run(quietProbes * config.probeIntervalMs);
  checkers.look();
}

function drawSettings(seed: number, options: SwarmOptions): SwarmSettings {
  const rng = new Rng(seed).fork("settings");
  const [from, to] = options.nodes ?? [5, 50];
  const nodes = from + rng.below(to - from + 1);
  const profile = (["lan", "lan", "lan", "lan", "local", "local", "wan"] as const)[rng.below(7)]!;
  const config: { -readonly [K in keyof SwimConfig]?: SwimConfig[K] } = {};
  // Each as the profile has it, or wildly otherwise.
  const some = () => rng.below(4) === 0;
  if (some()) config.retransmitMult = 2 + rng.below(7);
  if (some()) config.gossipNodes = 1 + rng.below(6);
  if (some()) config.maxPacketBytes = 600 + rng.below(800);
  if (some()) config.indirectChecks = rng.below(6);
  if (some()) config.deadNodeReclaimMs = rng.below(2) === 0 ? 5000 : 30_000;
  if (some()) config.userShare = rng.below(6) / 10;
  if (some()) config.streamPings = false;
  const fidelity = rng.below(4) === 0 ? "objects" : "bytes";
  // Drawn apart, so that a seed's other settings stay what they were.
  const machines = new Rng(seed).fork("machines").below(5) === 0 ? "serf" : "swim";
  return {
    nodes,
    machines: options.machine ? "swim" : (options.machines ?? machines),
    profile,
    config,
    fidelity: options.fidelity ?? fidelity,
    converged: rng.below(2) === 0,
    breakMs: Math.round(20_000 * 6 ** rng.float()),
  };
}
