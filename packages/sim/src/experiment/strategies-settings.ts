/** The settings of `strategies`: one interval for all, a threshold for each, and the sizes of its three parts. */
import { strategyNames } from "../strategies/cluster.ts";
import type { Setting } from "./experiment.ts";

export const strategiesSettings: readonly Setting[] = [
  {
    name: "nodes",
    help: "sizes at which cost and detection are measured",
    kind: "list",
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
