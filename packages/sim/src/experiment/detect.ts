/**
 * How soon a crash is noticed, declared and known to everybody, by cluster size, packet loss and slow members, with SWIM's
 * probes as the judge and with phi accrual; and how often a healthy member is suspected or declared dead meanwhile, in a
 * window in which nobody dies. Beside SWIM's times what theory says.
 */
import { type Case, Measured, measure } from "./detect-measure.ts";
import { DetectOutput, percent } from "./detect-output.ts";
import { theory } from "./detect-theory.ts";
import { detectorSettings, detectorsOf, detectorTitles } from "./detector-pool.ts";
import type { Experiment, Progress, Settings } from "./experiment.ts";
import { runSeed, SettingReader } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** What `full` measures instead. */
const whole = { nodes: [16, 64, 256, 512], loss: [0, 0.02, 0.05, 0.1, 0.2], slow: [0, 4, 8, 16, 32], quietMs: 120_000 };

export const detect: Experiment = {
  name: "detect",
  summary: "time to suspect, declare and know a crash, by size, loss and slow members, with SWIM and with phi accrual",
  settings: [
    ...detectorSettings.slice(0, 1),
    { name: "full", help: "more of everything, up to 512 nodes: hours", kind: "flag", default: false },
    { name: "nodes", help: "cluster sizes", kind: "list", whole: true, default: "16,64", min: 4, max: 10_000 },
    { name: "loss", help: "shares of packets lost", kind: "list", default: "0,0.05,0.2", min: 0, max: 0.9 },
    { name: "slow", help: "numbers of slow members", kind: "list", whole: true, default: "0,4,8", min: 0, max: 1000 },
    { name: "slowForMs", help: "slow for so long", kind: "duration", default: 8000, min: 1, max: 3_600_000 },
    { name: "wellForMs", help: "and then well for so long", kind: "duration", default: 8000, min: 1, max: 3_600_000 },
    {
      name: "slowKind",
      help: "what waits: their messages, while timers go on, or the whole process",
      kind: "text",
      choices: ["messages", "process"],
      default: "messages",
    },
    { name: "repeat", help: "runs of each", kind: "integer", default: 2, min: 1, max: 1000 },
    { name: "crashes", help: "members that crash, one a period", kind: "integer", default: 4, min: 1, max: 100 },
    { name: "quietMs", help: "window for false positives", kind: "duration", default: 30_000, min: 0, max: 86_400_000 },
    { name: "probeIntervalMs", help: "the protocol period", kind: "duration", default: 1000, min: 100, max: 60_000 },
    { name: "streamPings", help: "also ping over TCP when packets seem lost", kind: "flag", default: true },
    ...detectorSettings.slice(1),
  ],
  run,
};

function* run(report: Report, settings: Settings): Generator<Progress, void, void> {
  const read = new SettingReader(detect, settings.full === true ? { ...settings, ...asSettings(whole) } : settings);
  const repeat = read.number("repeat");
  const cases = casesOf(read);
  const output = new DetectOutput(report, cases, read.number("quietMs"));
  const total = cases.reduce((sum, { nodes }) => sum + nodes, 0);
  let done = 0;
  for (const each of cases) {
    const { detector, nodes, loss, slow } = each;
    const measured = new Measured();
    for (let i = 0; i < repeat; i++) {
      const before = done;
      const progress = (share: number): Progress => ({
        share: (before + (nodes * share) / repeat) / total,
        doing: `${detectorTitles[detector]}: ${nodes} nodes, ${percent(loss)} loss, ${slow} slow, run ${i + 1} of ${repeat}`,
      });
      // Both detectors live through the same chances, as far as those do not depend on them.
      const seed = runSeed(report.seed, `detect ${nodes} ${loss} ${slow} ${i}`);
      yield* measure(read, each, seed, measured, progress);
      done += nodes / repeat;
    }
    output.add(each, measured, detector === "swim" ? theory(nodes, loss, read.number("probeIntervalMs")) : undefined);
  }
}

/** Every size with every loss; slow members in the largest pool at the least loss. The detectors next to each other. */
function casesOf(read: SettingReader): Case[] {
  const sizes = read.list("nodes");
  const losses = read.list("loss");
  const [few, ...more] = read.list("slow").sort((a, b) => a - b);
  const nodes = Math.max(...sizes);
  const conditions = [
    ...sizes.flatMap((size) => losses.map((loss) => ({ nodes: size, loss, slow: few! }))),
    ...more.map((slow) => ({ nodes, loss: Math.min(...losses), slow })),
  ];
  const tooMany = conditions.find(({ nodes: size, slow }) => 2 * slow > size);
  if (tooMany) throw new RangeError(`slow: at most half of the nodes, not ${tooMany.slow} of ${tooMany.nodes}`);
  const detectors = detectorsOf(read);
  return conditions.flatMap((condition) => detectors.map((detector) => ({ detector, ...condition })));
}

function asSettings(values: Readonly<Record<string, number | readonly number[]>>): Settings {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? value : value.join()]),
  );
}
