/** `hearsay agent`: starts one, tells how that went, and ends it when a signal or the agent itself says so. */
import { Agent, type Ending } from "../../agent/agent.ts";
import { type AgentConfig, ConfigError, MAX_TIMER_MS } from "../../agent/config.ts";
import { type LoadedConfig, loadConfig } from "../../agent/config-files.ts";
import { AgentLog } from "../../log/agent-log.ts";
import type { StatGroups } from "../../rpc/host.ts";
import { joinErrorText, oneLine } from "../../rpc/join-error.ts";
import { printable } from "../output.ts";
import { type Call, CommandError } from "../spec.ts";
import { Signals } from "./signals.ts";

/** How long event handlers may go on after a graceful leave: ms. */
const HANDLERS_LIMIT_MS = 3000;

/** How long the process may take to end once the agent is to: ms. */
const EXIT_LIMIT_MS = 10_000;

export async function run(call: Call): Promise<number> {
  const { io, flags } = call;
  const loaded = loadOrExplain(() => loadConfig(flags));
  const { config, keys } = loaded;
  const log = new AgentLog({ level: config.logLevel, format: config.logFormat, write: io.out, unread: io.outUnread });
  // With JSON on the terminal, what is for people would only be in the way.
  const say = (text: string) => {
    if (config.logFormat === "text") io.out(`${text}\n`);
  };
  // From the first moment: a Ctrl-C while starting, which DNS may draw out, stops the agent as well.
  let agent: Agent | undefined;
  using signals = new Signals(() => {
    if (agent !== undefined) io.err(statsText(agent.stats()));
  });

  say("==> Starting Hearsay agent...");
  const { createNode } = await import("@hearsay/node");
  const starting = Agent.start(config, keys, log, createNode);
  try {
    const first = await Promise.race([starting, signals.next()]);
    if (typeof first === "string") {
      say(`==> Caught signal: ${first}`);
      starting.then((late) => late.close()).catch(() => {});
      if (io.ownsProcess) endSurely();
      return 1;
    }
    agent = first;
  } catch (error) {
    throw new CommandError(`==> Failed to start the agent: ${oneLine((error as Error).message)}`);
  }
  await using _closing = agent;
  say(banner(agent, config, keys));
  for (const warning of loaded.warnings) agent.log.warn({}, warning);

  const joining = joinAtStart(agent, config, say);
  const early = await Promise.race([joining.then(() => undefined), agent.ended, signals.next()]);
  if (early !== undefined) {
    joining.catch(() => {});
    if (typeof early === "object") return explainEnding(early, io.err);
    say(`==> Caught signal: ${early}`);
    return 1;
  }

  say("\n==> Log data will now stream in as it occurs:\n");
  log.open();
  try {
    return await serve(agent, { call, log, signals, say, config });
  } finally {
    if (io.ownsProcess) endSurely();
  }
}

/** Nothing that hangs keeps the process of an agent that ends, be it only a log that nobody reads to its end. */
function endSurely(): void {
  setTimeout(() => process.exit(process.exitCode ?? 1), EXIT_LIMIT_MS).unref();
}

interface Running {
  readonly call: Call;
  readonly log: AgentLog;
  readonly signals: Signals;
  readonly say: (text: string) => void;
  readonly config: AgentConfig;
}

/** Until the end; resolves to the exit code. */
async function serve(agent: Agent, { call, log, signals, say, config: atStart }: Running): Promise<number> {
  let config = atStart;
  for (;;) {
    const what = await Promise.race([agent.ended, signals.next()]);
    if (typeof what === "object") {
      if (what.type === "left") await finish(agent, signals);
      return explainEnding(what, call.io.err);
    }
    say(`==> Caught signal: ${what}`);
    if (what === "hangup") {
      say("==> Reloading configuration...");
      config = reload(agent, call, log, config);
      continue;
    }
    const graceful = what === "interrupt" ? !config.skipLeaveOnInterrupt : config.leaveOnTerminate;
    if (!graceful) {
      agent.log.warn({}, "stopping without leaving the pool: the others will find out");
      return 1;
    }
    say("==> Gracefully shutting down agent...");
    const left = agent.leave().then(
      () => "left" as const,
      (error: Error) => error,
    );
    const outcome = await Promise.race([left, signals.next(), timeout(leaveLimitMs(config))]);
    if (outcome === "left") {
      await finish(agent, signals);
      return 0;
    }
    if (outcome === "timeout") throw new CommandError("==> Leaving took too long; stopped without it");
    if (outcome instanceof Error) throw new CommandError(`==> Leaving failed: ${oneLine(outcome.message)}`);
    say(`==> Caught signal: ${outcome}; stopping at once`);
    return 1;
  }
}

/** Events that came before the leave are handled as far as there is time; another signal ends that, too. */
async function finish(agent: Agent, signals: Signals): Promise<void> {
  await Promise.race([agent.finish(), signals.next(), timeout(HANDLERS_LIMIT_MS)]);
}

/** Two broadcasts, the pause for them to spread, and some air: ms. */
function leaveLimitMs({ broadcastTimeoutMs }: AgentConfig): number {
  return Math.min(2 * broadcastTimeoutMs + 3000, MAX_TIMER_MS);
}

function timeout(ms: number): Promise<"timeout"> {
  return new Promise((resolve) => setTimeout(resolve, ms, "timeout").unref());
}

function explainEnding(ending: Ending, err: (text: string) => void): number {
  if (ending.type === "left") return 0;
  err(`==> ${oneLine(ending.message)}\n`);
  return 1;
}

/** `-join`: somebody must answer. */
async function joinAtStart(agent: Agent, config: AgentConfig, say: (text: string) => void): Promise<void> {
  const { startJoin, replayOnJoin } = config;
  if (startJoin.length === 0) return;
  say(`==> Joining cluster...(replay: ${replayOnJoin})`);
  const { contacted, failures } = await agent.join(startJoin, replayOnJoin);
  if (contacted === 0) {
    throw new CommandError(`==> ${oneLine(joinErrorText(failures))} (-retry-join would go on trying)`);
  }
  say(`    Join completed. Synced with ${contacted} initial agents`);
}

/**
 * Log level, event handlers, tags and leave switches follow the files; a broken configuration changes nothing. How the tags
 * spread is not waited for: the next signal may be the one to stop.
 */
function reload(agent: Agent, { flags }: Call, log: AgentLog, before: AgentConfig): AgentConfig {
  try {
    const { config, warnings } = loadConfig(flags);
    for (const warning of warnings) agent.log.warn({}, warning);
    log.level = config.logLevel;
    void agent.reload(config);
    return config;
  } catch (error) {
    agent.log.error({}, `configuration not reloaded: ${oneLine((error as Error).message)}`);
    return before;
  }
}

function banner(agent: Agent, config: AgentConfig, keys: readonly string[]): string {
  const { node } = agent;
  const address = `${node.address.includes(":") ? `[${node.address}]` : node.address}:${node.port}`;
  const lines: readonly (readonly [string, string])[] = [
    ["Node name", `'${printable(node.name)}'`],
    ["Bind addr", `'${agent.bindAddress}'`],
    ["Advertise addr", `'${address}'`],
    ["RPC addr", `'${agent.rpcAddress}'`],
    ["Encrypted", String(keys.length > 0)],
    ["Snapshot", String(config.snapshotPath !== undefined)],
    ["Profile", config.profile],
    ["Message Compression Enabled", String(config.enableCompression)],
    ...(config.discover === undefined ? [] : [["mDNS cluster", printable(config.discover)] as const]),
    ...(config.label === undefined ? [] : [["Label", `'${printable(config.label)}'`] as const]),
    ...(config.isolate ? [["Isolated", "true"] as const] : []),
  ];
  return ["==> Hearsay agent running!", ...lines.map(([name, value]) => `${name.padStart(31)}: ${value}`)].join("\n");
}

/** What USR1 asks for: the counters that `info` shows, one a line. */
function statsText(groups: StatGroups): string {
  const lines = Object.entries(groups).flatMap(([group, values]) =>
    Object.entries(values).map(([key, value]) => `${group}.${key} = ${printable(value)}\n`),
  );
  return lines.join("");
}

function loadOrExplain(load: () => LoadedConfig): LoadedConfig {
  try {
    return load();
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(`==> ${error.message}`);
    throw error;
  }
}
