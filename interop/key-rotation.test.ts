/** The keys of a pool are changed while one member does not answer: it is named, and nothing breaks. */
import { describe, expect, it } from "vitest";
import { type Agent, all, CliError, hasSerf, type Kind, mendedMs, Pool, runCli, untilAllSee } from "./harness.ts";

const first = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";
const second = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/** What it prints, whether it succeeds or not. */
async function outcome(cli: Kind, agent: Agent, ...args: string[]): Promise<{ ok: boolean; text: string }> {
  try {
    return { ok: true, text: await runCli(cli, [...args, `-rpc-addr=${agent.rpc}`]) };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { ok: false, text: error.message };
  }
}

describe.skipIf(!hasSerf).concurrent("keys with one member unreachable", () => {
  it.each(["serf", "hearsay"] as const)("which is a %s agent", async (kind) => {
    await using pool = new Pool(`rotate-${kind}`);
    const agents = await pool.mixed(2, "hearsay", () => ({ encrypt: first }));
    await untilAllSee(agents, all(agents), mendedMs);
    const asked = agents.at(-1)!;
    const stopped = agents.find((agent) => agent.kind === kind && agent !== asked)!;

    process.kill(stopped.pid, "SIGSTOP");
    const failed = await outcome("hearsay", asked, "keys", `-install=${second}`);
    process.kill(stopped.pid, "SIGCONT");
    expect(failed.ok).toBe(false);
    expect(failed.text).toContain("3/4 nodes reported success");
    expect(failed.text).toContain(stopped.name);
    for (const agent of agents.filter((one) => one !== stopped)) expect(failed.text).not.toContain(`${agent.name} `);

    // Nobody uses the new key yet, so everybody still hears everybody: the same again, now with all of them.
    await untilAllSee(agents, all(agents), mendedMs);
    for (const step of [`-install=${second}`, `-use=${second}`, `-remove=${first}`]) {
      expect(await outcome("hearsay", asked, "keys", step)).toMatchObject({ ok: true });
    }
    const list = await outcome("serf", stopped, "keys", "-list");
    expect(list.text).toMatch(/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\s+\[4\/4\]/);
    expect(list.text).not.toContain(first);
    await untilAllSee(agents, all(agents), 10_000);
  });
});
