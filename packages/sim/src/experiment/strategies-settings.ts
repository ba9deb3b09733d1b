/**
 * The settings of `strategies`: one interval for all, a threshold for each, and the sizes of its three parts.
 *
 * The default thresholds are wrong about equally often: 100 nodes under 10 % loss for half an hour (seed 1, `losses` 0.1,
 * `lossMs` 1,800,000) saw 6 episodes of a living member held for dead under the master, 12 under all-to-all, 9 under gossip
 * and none under SWIM. With phi 3 gossip had 177 such verdicts in two minutes, with 3.5 18, with 4 two, with 5 none.
 */
import { strategyNames } from "../strategies/cluster.ts";
import type { Setting } from "./experiment.ts";

export const strategiesSettings: readonly Setting[] = [
  {
    name: "nodes",
    help: "sizes at which cost and detection are measured",
    kind: "list",
    whole: true,
    default: "10,30,100,300,1000",
    min: 4,
    max: 5000,
  },
  {
    name: "strategy",
    help: "one of them by itself",
    kind: "text",
    default: "all",
    choices: ["all", ...strategyNames],
  },
  {
    name: "intervalMs",
    help: "between two heartbeats or probes",
    kind: "duration",
    default: 1000,
    min: 100,
    max: 60_000,
  },
  {
    name: "missed",
    help: "central, all-to-all: heartbeats missing in a row before a member is dead",
    kind: "integer",
    default: 6,
    min: 1,
    max: 100,
  },
  {
    name: "phi",
    help: "gossip: phi from which a member is dead (exponential model)",
    kind: "number",
    default: 4,
    min: 0.5,
    max: 50,
  },
  { name: "suspicionMult", help: "swim: length of a suspicion", kind: "integer", default: 4, min: 1, max: 50 },
  { name: "crashes", help: "crashes for each size", kind: "integer", default: 10, min: 1, max: 1000 },
  {
    name: "lossNodes",
    help: "size of the cluster that is watched for false alarms",
    kind: "integer",
    default: 100,
    min: 4,
    max: 1000,
  },
  { name: "losses", help: "shares of packets lost meanwhile", kind: "list", default: "0.01,0.1", min: 0, max: 0.9 },
  {
    name: "lossMs",
    help: "how long it is watched",
    kind: "duration",
    default: 180_000,
    min: 1000,
    max: 86_400_000,
  },
  { name: "troubleNodes", help: "size of the cluster in trouble", kind: "integer", default: 50, min: 5, max: 500 },
  {
    name: "faultMs",
    help: "how long each fault lasts",
    kind: "duration",
    default: 60_000,
    min: 1000,
    max: 3_600_000,
  },
];
