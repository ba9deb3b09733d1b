/** The keyring file: one program writes it, the other goes on with it. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { all, hasSerf, type Kind, mendedMs, Pool, runCli, untilAllSee } from "./harness.ts";

const first = "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s=";
const second = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const third = "AAECAwQFBgcICQoLDA0ODw==";

describe.skipIf(!hasSerf).concurrent("keyring files", () => {
  it("each kind writes what the other writes, and each goes on with the other's", async () => {
    const directory = await mkdtemp(join(tmpdir(), "hearsay-keyring-"));
    await using pool = new Pool("keyring");
    const files = { a: join(directory, "a.json"), b: join(directory, "b.json") };
    for (const file of Object.values(files)) await writeFile(file, JSON.stringify([first]), { mode: 0o600 });
    const places = { a: pool.place("a"), b: pool.place("b") };
    const start = (kind: Kind, place: "a" | "b", join?: string) => {
      const options = { ...places[place], flags: [`-keyring-file=${files[place]}`], ...(join ? { join } : {}) };
      return kind === "serf" ? pool.serf(options) : pool.hearsay(options);
    };
    const contents = () => Promise.all(Object.values(files).map((file) => readFile(file, "utf8")));
    const keys = (cli: Kind, rpc: string, flag: string) => runCli(cli, ["keys", `-rpc-addr=${rpc}`, flag]);

    const a = await start("serf", "a");
    const b = await start("hearsay", "b", a.gossip);
    await untilAllSee([a, b], all([a, b]), mendedMs);
    for (const flag of [`-install=${second}`, `-install=${third}`, `-use=${second}`]) {
      await keys("serf", b.rpc, flag);
      const [theirs, ours] = await contents();
      expect(ours, flag).toBe(theirs);
    }
    expect(JSON.parse((await contents())[1]!)).toEqual([second, first, third]);
    expect((await stat(files.b)).mode & 0o777).toBe(0o600);

    // Each takes over the other's file, and the pool is one again: with the key in use that the files name.
    await Promise.all([a.terminate(), b.terminate()]);
    const a2 = await start("hearsay", "a");
    const b2 = await start("serf", "b", a2.gossip);
    await untilAllSee([a2, b2], all([a2, b2]), mendedMs);
    await keys("hearsay", b2.rpc, `-remove=${first}`);
    await keys("serf", a2.rpc, `-remove=${third}`);
    const [ours, theirs] = await contents();
    expect(ours).toBe(theirs);
    expect(JSON.parse(ours!)).toEqual([second]);
    await rm(directory, { recursive: true, force: true });
  });
});
