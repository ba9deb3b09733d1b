/**
 * What a plan is made for: a pool's size, its settings, and the network under it. Everything is checked here, once; the
 * formulas trust it.
 */
import { type ProfileName, profiles, type SwimConfig } from "@hearsay/core";
import { limits } from "@hearsay/wire";

export interface PlanInputs {
  /** Members: 2 … 1,000,000 (beyond `config.maxMembers` the plan says so). */
  readonly nodes: number;
  readonly config: SwimConfig;
  /** Share of packets lost, each by itself: 0 … 0.5. */
  readonly loss: number;
  /** One way, the median of a log-normal distribution with `latencySigma`: ms, above 0. */
  readonly latencyMs: number;
  /** Bytes of a member's name in UTF-8: 1 … 255. */
  readonly nameBytes: number;
  /** Bytes of meta (Serf: encoded tags) of each member: 0 … 512. */
  readonly metaBytes: number;
  /** Payload of a user broadcast: bytes, at least 4. */
  readonly broadcastBytes: number;
  /** Changes of membership in the whole pool: joins and crashes together, half and half; per second. */
  readonly churnPerSecond: number;
  /** What one member may send on average before the plan calls it too much: bytes/s. */
  readonly budgetBytesPerSecond: number;
}

/** Deviation of the logarithm of a delay, as in the simulator's LAN (`latency.ts`). */
export const latencySigma = 0.4;

/** One way, typical of where each profile is used: ms. */
const profileLatencyMs: Readonly<Record<ProfileName, number>> = { lan: 0.5, wan: 40, local: 0.1 };

/** A plan's setting that cannot be: `setting` is its name as in `PlanInputs` or `SwimConfig`. */
export class PlanError extends RangeError {
  override readonly name = "PlanError";
  readonly code = "plan-setting";
  readonly setting: string;
  /** The message without the setting. */
  readonly reason: string;

  constructor(setting: string, reason: string) {
    super(`${setting}: ${reason}`);
    this.setting = setting;
    this.reason = reason;
  }
}

/** Checked inputs: a profile's, with some changed. @throws PlanError */
export function planInputs(
  nodes: number,
  changes: Partial<Omit<PlanInputs, "nodes" | "config">> & {
    readonly profile?: ProfileName;
    readonly config?: Partial<SwimConfig>;
  } = {},
): PlanInputs {
  const { profile = "lan", config, ...rest } = changes;
  const inputs: PlanInputs = {
    nodes,
    loss: 0,
    latencyMs: profileLatencyMs[profile],
    nameBytes: 12,
    metaBytes: 0,
    broadcastBytes: 64,
    churnPerSecond: 0,
    budgetBytesPerSecond: 125_000,
    ...rest,
    config: { ...profiles[profile], ...config },
  };
  check(inputs);
  return inputs;
}

function check(inputs: PlanInputs): void {
  const { config } = inputs;
  integer("nodes", inputs.nodes, 2, 1_000_000);
  number("loss", inputs.loss, 0, 0.5);
  number("latencyMs", inputs.latencyMs, 0.001, 10_000);
  integer("nameBytes", inputs.nameBytes, 1, limits.maxNameBytes);
  integer("metaBytes", inputs.metaBytes, 0, limits.maxMetaBytes);
  integer("broadcastBytes", inputs.broadcastBytes, 4, limits.maxDatagramBytes);
  number("churnPerSecond", inputs.churnPerSecond, 0, 1e9);
  number("budgetBytesPerSecond", inputs.budgetBytesPerSecond, 1, 1e12);
  const digits = String(inputs.nodes - 1).length;
  if (inputs.nameBytes < digits) {
    throw new PlanError("nameBytes", `${inputs.nodes} different names take at least ${digits} bytes`);
  }

  // An interval of 0 switches an activity off, and then there is nothing to plan about it.
  number("probeIntervalMs", config.probeIntervalMs, 1, 3_600_000);
  number("probeTimeoutMs", config.probeTimeoutMs, 1, config.probeIntervalMs, "the probe interval");
  number("gossipIntervalMs", config.gossipIntervalMs, 1, 3_600_000);
  integer("gossipNodes", config.gossipNodes, 1, 1000);
  integer("indirectChecks", config.indirectChecks, 0, 1000);
  integer("retransmitMult", config.retransmitMult, 1, 100);
  integer("suspicionMult", config.suspicionMult, 1, 1000);
  integer("suspicionMaxTimeoutMult", config.suspicionMaxTimeoutMult, 1, 1000);
  integer("awarenessMaxMult", config.awarenessMaxMult, 1, 1000);
  integer("maxPacketBytes", config.maxPacketBytes, 64, limits.maxDatagramBytes);
  integer("maxMembers", config.maxMembers, 2, 1e9);
  number("userShare", config.userShare, 0, 0.5);
  for (const key of Object.keys(config) as (keyof SwimConfig)[]) {
    const value = config[key];
    if (key.endsWith("Ms") && typeof value === "number") number(key, value, 0, 1e12);
  }
}

function number(setting: string, value: number, min: number, max: number, maxName = text(setting, max)): void {
  if (value >= min && value <= max) return;
  throw new PlanError(setting, `${text(setting, min)} to ${maxName}, not ${text(setting, value)}`);
}

function integer(setting: string, value: number, min: number, max: number): void {
  number(setting, value, min, max);
  if (!Number.isInteger(value)) throw new PlanError(setting, `a whole number, not ${value}`);
}

/** A setting's value with its unit. */
function text(setting: string, value: number): string {
  return setting.endsWith("Ms") ? `${value} ms` : String(value);
}
