/** `hearsay plan`: what a pool of a given size costs, and whether the simulator agrees. */
import type { Plan, Progress, Report } from "@hearsay/sim";
import { json } from "../output.ts";
import { type Call, type Io, UsageError } from "../spec.ts";
import { countOf, inputsOf, profileOf } from "./plan-flags.ts";
import { planText, verificationText } from "./plan-text.ts";
import { Signals } from "./signals.ts";

/** Progress is drawn no more often: ms. */
const DRAW_EVERY_MS = 200;

export async function run({ flags, io }: Call): Promise<number> {
  const sim = await import("@hearsay/sim");
  const inputs = inputsOf(flags, sim);
  const seed = countOf(flags, "seed", 0) ?? 1;
  const changes = { broadcasts: countOf(flags, "broadcasts", 1), crashes: countOf(flags, "crashes", 1) };
  const verify = flags.on("verify");
  if (verify && inputs.nodes > sim.mostVerified) {
    throw new UsageError(`-verify: at most ${sim.mostVerified} members, not ${inputs.nodes}; plan those without it`);
  }
  if (!verify) {
    for (const name of ["seed", "broadcasts", "crashes"]) {
      if (flags.text(name) !== undefined) throw new UsageError(`-${name} is for -verify, which is not given`);
    }
  }
  const experiment = sim.verification(inputs);
  for (const setting of experiment.settings) {
    const value = changes[setting.name as keyof typeof changes];
    if (value !== undefined && setting.max !== undefined && value > setting.max) {
      throw new UsageError(`-${setting.name}: at most ${setting.max} with ${inputs.nodes} members, not ${value}`);
    }
  }
  const plan = sim.plan(inputs);
  const asJson = flags.on("json");
  if (!asJson) io.out(planText(plan, profileOf(flags), io.columns));
  if (!verify) {
    if (asJson) io.out(json(jsonPlan(plan, undefined)));
    return 0;
  }
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const settings = sim.settingsOf(experiment, given as Record<string, number>);
  const report = new sim.Report(experiment.name, seed, settings as Record<string, number>);
  await watch(experiment.run(report, settings), report, io);
  io.out(asJson ? json(jsonPlan(plan, report)) : `\n${verificationText(report, io.columns)}`);
  if (report.complete) return 0;
  io.err("broken off: what is above was measured until then\n");
  return 130;
}

/** Runs to the end or to the first signal, showing how far it is if somebody looks on. */
async function watch(steps: Generator<Progress, void, void>, report: Report, io: Io): Promise<void> {
  using signals = new Signals();
  let stopped = false;
  void signals.next().then(() => {
    stopped = true;
  });
  const terminal = io.columns;
  const startedAt = Date.now();
  let drawnAt = 0;
  for (let step = steps.next(); !step.done; step = steps.next()) {
    const now = Date.now();
    if (terminal !== undefined && now - drawnAt >= DRAW_EVERY_MS) {
      drawnAt = now;
      io.err(
        `\r${progressText(step.value, now - startedAt)
          .padEnd(terminal - 1)
          .slice(0, terminal - 1)}`,
      );
    }
    // Signals are heard between two steps.
    await new Promise((resolve) => setImmediate(resolve));
    if (!stopped) continue;
    report.complete = false;
    steps.return();
    break;
  }
  if (terminal !== undefined && drawnAt > 0) io.err(`\r${" ".repeat(terminal - 1)}\r`);
}

function progressText({ share, doing }: Progress, elapsedMs: number): string {
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  if (share < 0.02) return `${percent}  ${doing}`;
  const leftS = Math.ceil((elapsedMs * (1 - share)) / share / 1000);
  return `${percent}  about ${leftS} s left  ${doing}`;
}

function jsonPlan(plan: Plan, report: Report | undefined): unknown {
  return {
    inputs: plan.inputs,
    figures: Object.fromEntries(
      plan.groups.map((group) => [
        group.key,
        Object.fromEntries(
          group.figures.map(({ key, value, unit, formula, source }) => [key, { value, unit, formula, source }]),
        ),
      ]),
    ),
    limits: plan.limits,
    breaks: plan.breaks === undefined ? null : { nodes: plan.breaks.nodes, limit: plan.breaks.limit.key },
    notes: plan.notes,
    ...(report === undefined ? {} : { verification: report }),
  };
}
