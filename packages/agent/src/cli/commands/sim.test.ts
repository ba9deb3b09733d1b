/** `hearsay sim` as people use it: what is typed, what is read, what is left on the disk. */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { advance, type Experiment, experiments, SwimPool } from "@hearsay/sim";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { COMMAND_SPECS } from "../commands.ts";
import { main } from "../main.ts";
import { CommandError, Flags, type Io, UsageError } from "../spec.ts";
import { acceptedFlags, settingFlags } from "./sim/settings.ts";
import { run } from "./sim.ts";

/** A crash in a real pool, and when how many had heard of it. */
const crash: Experiment = {
  name: "crash",
  summary: "One node crashes; who has heard of it",
  settings: [
    { name: "nodes", help: "How many", kind: "integer", default: 10, min: 2, max: 1000 },
    { name: "loss", help: "Packets lost", kind: "share", default: 0, max: 0.5 },
    { name: "runMs", help: "How long", kind: "duration", default: 20_000, min: 1000 },
    { name: "scale", help: "A factor", kind: "number", default: 1.5, min: 0 },
    { name: "sizes", help: "Sizes", kind: "list", default: "10,20", min: 1, max: 100 },
    { name: "profile", help: "Timing", kind: "text", default: "lan", choices: ["lan", "wan"] },
    { name: "isQuick", help: "Less of it", kind: "flag", default: false },
  ],
  *run(report, settings) {
    const table = report.table("known", "Who has heard", [
      { key: "atMs", title: "time, ms" },
      { key: "dead", title: "hold it dead" },
    ]);
    const plot = report.plot("known", "Who has heard", { title: "time, s" }, { title: "nodes" });
    const pool = new SwimPool({
      seed: report.seed,
      size: Number(settings.nodes),
      network: { loss: Number(settings.loss) },
    });
    pool.addConverged(Number(settings.nodes));
    pool.world.crash(pool.nodes[1]!);
    const runMs = Number(settings.runMs);
    for (let second = 0; second * 1000 < runMs; second++) {
      yield* advance(pool.world, 1000, (share) => ({
        share: ((second + share) * 1000) / runMs,
        doing: `second ${second}`,
      }));
      const dead = pool.living().filter((node) => pool.view(node, 1)?.state === "dead").length;
      table.rows.push({ atMs: pool.world.now, dead });
      report.series(plot, "measured").points.push([pool.world.now / 1000, dead]);
    }
    report.notes.push("That is all.");
  },
};

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function sim(...args: string[]): Promise<Outcome> {
  return simWith({}, ...args);
}

async function simWith(io: Partial<Io>, ...args: string[]): Promise<Outcome> {
  return simOf([crash], io, ...args);
}

async function simOf(known: readonly Experiment[], io: Partial<Io>, ...args: string[]): Promise<Outcome> {
  let out = "";
  let err = "";
  const whole: Io = { out: (text) => void (out += text), err: (text) => void (err += text), env: {}, ...io };
  const command = COMMAND_SPECS.find((spec) => spec.name === "sim")!;
  try {
    return { code: await run({ command, args, flags: new Flags([]), io: whole }, known), out, err };
  } catch (error) {
    if (error instanceof CommandError || error instanceof UsageError) return { code: 1, out, err: error.message };
    throw error;
  }
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hearsay-sim-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A scenario on the disk: its path. */
function scenario(text: string, name = "small.txt"): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("list and help", () => {
  test("what there is", async () => {
    const { out, code } = await sim("list");
    expect(code).toBe(0);
    expect(out).toMatch(/^crash {2}One node crashes; who has heard of it\n\n"hearsay sim run NAME -h"/);
    const [entry] = JSON.parse((await sim("list", "--json")).out);
    expect(entry).toMatchObject({
      name: "crash",
      settings: expect.arrayContaining([expect.objectContaining({ flag: "run" })]),
    });
  });

  test("an experiment's settings, with bounds and defaults", async () => {
    for (const words of [
      ["run", "crash", "--help"],
      ["run", "-h", "crash"],
    ]) {
      const { out } = await sim(...words);
      expect(out).toMatch(/Usage: hearsay sim run \[flags\] crash\n\nOne node crashes; who has heard of it\.\n/);
      expect(out).toMatch(/-nodes=N +How many\. Default 10; 2 to 1000\.\n/);
      expect(out).toMatch(/-loss=SHARE +Packets lost\. Default 0%; at most 50%\.\n/);
      expect(out).toMatch(/-run=TIME +How long\. Default 20s; at least 1s\.\n/);
      expect(out).toMatch(/-profile=WORD +Timing\. Default lan; lan or wan\.\n/);
      expect(out).toMatch(/-is-quick +Less of it\. Default off\.\n/);
      expect(out).toMatch(/-seed=N /);
    }
    expect((await sim("run", "-h")).out).toContain("hearsay sim run [flags] NAME|FILE");
    expect((await sim("-h")).out).toContain("hearsay sim list");
  });

  test("sizes are whole numbers", async () => {
    const said = { out: "", err: "" };
    const io: Io = { out: (text) => void (said.out += text), err: (text) => void (said.err += text), env: {} };
    expect(await main(["sim", "run", "spread", "-nodes=30.5"], io)).toBe(1);
    expect(said.err.split("\n")[0]).toContain('-nodes: whole numbers with commas between expected, not "30.5"');
    expect(said.out).toBe("");
  });

  test.each(experiments.map(({ name }) => name))("of every experiment there is: %s", async (name) => {
    const said = { out: "", err: "" };
    const io: Io = { out: (text) => void (said.out += text), err: (text) => void (said.err += text), env: {} };
    expect(await main(["sim", "run", name, "-h"], io)).toBe(0);
    const { settings } = experiments.find((experiment) => experiment.name === name)!;
    const flags = acceptedFlags(settings).map((flag) => flag.name);
    expect(new Set(flags).size).toBe(flags.length);
    for (const flag of settingFlags(settings)) expect(said.out).toContain(`-${flag.name}`);
    // Flags are read before anything runs.
    expect(await main(["sim", "run", name, "-no-such-setting=1"], io)).toBe(1);
    expect(said.err).toContain("no-such-setting");
  });

  test("through the front door, too", async () => {
    let out = "";
    let err = "";
    const io: Io = { out: (text) => void (out += text), err: (text) => void (err += text), env: {} };
    expect(await main(["sim", "-h"], io)).toBe(0);
    expect(out).toContain("Usage: hearsay sim list | run NAME|FILE");
    expect(await main(["sim", "rnu"], io)).toBe(1);
    expect(err).toBe('"rnu" is neither list nor run; did you mean "run"? (see "hearsay sim -h")\n');
    expect(await main(["sim", "run", "crsh.txt"], io)).toBe(1);
  });
});

describe("run", () => {
  test("tables and notes; the last line tells how to keep them; the wall clock is elsewhere", async () => {
    const { code, out, err } = await sim("run", "crash", "--nodes", "8", "-run=10s", "-is-quick", "-seed=3");
    expect(code).toBe(0);
    expect(out).toMatch(
      /^crash, seed 3\n {2}nodes 8, loss 0, runMs 10000, scale 1\.5, sizes 10,20, profile lan, isQuick on\n/,
    );
    expect(out).toMatch(
      /\n +10000 +7\n\nThat is all\.\n\n-out=DIR would keep this as crash\.json, crash-known\.svg, crash\.txt\.\n$/,
    );
    expect(err).toMatch(/^took \d+\.\d s; at most \d+ MB of memory\n$/);
  });

  test("what an experiment found wrong is said, kept, and makes the exit code", async () => {
    const broken: Experiment = {
      ...crash,
      *run(report, settings) {
        yield* crash.run(report, settings);
        report.failures.push("nobody has heard of it");
      },
    };
    const { code, out, err } = await simOf([broken], {}, "run", "crash", "-run=1s");
    expect(code).toBe(1);
    expect(out).toContain("FAILED: nobody has heard of it\n");
    expect(err).toMatch(/^failed: nobody has heard of it$/m);
    const { out: text } = await simOf([broken], {}, "run", "crash", "-run=1s", "-json");
    expect(JSON.parse(text).failures).toEqual(["nobody has heard of it"]);
  });

  test("the same seed and settings: the same bytes, on standard output and in files", async () => {
    const outcomes = [];
    for (const name of ["a", "b"]) {
      const out = join(folder, name);
      const { out: text } = await sim("run", "crash", "-json", "-loss=10%", `-out=${out}`);
      const files = readdirSync(out).sort();
      expect(files).toEqual(["crash-known.svg", "crash.json", "crash.txt"]);
      outcomes.push([text, ...files.map((file) => readFileSync(join(out, file), "utf8"))]);
      expect(readFileSync(join(out, "crash.json"), "utf8")).toBe(text);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    const report = JSON.parse(outcomes[0]![0]!);
    expect(report).toMatchObject({ experiment: "crash", seed: 1, complete: true, settings: { loss: 0.1, nodes: 10 } });
    expect(report.tables[0].rows).toHaveLength(20);
    expect((await sim("run", "crash", "-json", "-loss=10%", "-seed=2")).out).not.toBe(outcomes[0]![0]);
  });

  test("a setting by its whole name; a time without a unit is ms", async () => {
    const { out } = await sim("run", "crash", "-run-ms", "2000", "--json");
    expect(JSON.parse(out).settings.runMs).toBe(2000);
  });

  test.each([
    [["run"], 'NAME or FILE is missing (see "hearsay sim list")'],
    [["run", "carsh"], '"carsh" is no experiment and no file; did you mean "crash"? (see "hearsay sim list")'],
    [["run", "nowhere/rack.txt"], "nowhere/rack.txt: no such file"],
    [["run", "crash", "-node=5"], 'unknown flag -node; did you mean -nodes? (see "hearsay sim run crash -h")'],
    [["run", "crash", "-nodes"], '-nodes needs a value: -nodes=N (see "hearsay sim run crash -h")'],
    [["run", "crash", "-nodes=1"], '-nodes: 2 to 1000, not 1 (see "hearsay sim run crash -h")'],
    [["run", "crash", "-nodes=1e2"], '-nodes: a whole number expected, not "1e2" (see "hearsay sim run crash -h")'],
    [["run", "crash", "-loss=60%"], '-loss: 0% to 50%, not 60% (see "hearsay sim run crash -h")'],
    [
      ["run", "crash", "-loss=x"],
      '-loss: a share such as 5% or 0.05 expected, not "x" (see "hearsay sim run crash -h")',
    ],
    [["run", "crash", "-run=10"], '-run: at least 1s, not 10 (see "hearsay sim run crash -h")'],
    [
      ["run", "crash", "-run=soon"],
      '-run: a time such as 500ms, 10s or 2m expected, not "soon" (see "hearsay sim run crash -h")',
    ],
    [["run", "crash", "-scale=-1"], '-scale: at least 0, not -1 (see "hearsay sim run crash -h")'],
    [["run", "crash", "-sizes=5,500"], '-sizes: 1 to 100, not 500 (see "hearsay sim run crash -h")'],
    [
      ["run", "crash", "-sizes=5;6"],
      '-sizes: numbers with commas between expected, not "5;6" (see "hearsay sim run crash -h")',
    ],
    [["run", "crash", "-profile=moon"], '-profile: lan or wan, not "moon" (see "hearsay sim run crash -h")'],
    [["run", "crash", "-is-quick=5"], /^-is-quick is a switch/],
    [["run", "crash", "-seed=-1"], /^-seed: a whole number from 0 to 9007199254740991 expected, not "-1"/],
    [["run", "crash", "again"], 'too many arguments: again (see "hearsay sim run crash -h")'],
    [["list", "crash"], 'too many arguments: crash (see "hearsay sim list -h")'],
    [[], "what to do is missing: list or run"],
  ])("%j: one line", async (words, message) => {
    const { code, out, err } = await sim(...words);
    expect([code, out]).toEqual([1, ""]);
    if (typeof message === "string") expect(err).toBe(message);
    else expect(err).toMatch(message);
    expect(err).not.toContain("\n");
  });

  describe("an -out that cannot be written is said before the run", () => {
    let begun = 0;
    const counted: Experiment = {
      ...crash,
      *run(report, settings) {
        begun++;
        yield* crash.run(report, settings);
      },
    };
    const run = (out: string) => simOf([counted], {}, "run", "crash", "-run=1s", `-out=${out}`);
    beforeEach(() => {
      begun = 0;
    });

    test("a file in its place, or on the way to it", async () => {
      const file = scenario("", "taken");
      const message = `-out: ${file} is there, and is no directory; choose one, or a name that is free`;
      for (const out of [file, `${file}/`, join(file, "results"), join(file, "a", "b")]) {
        expect(await run(out)).toEqual({ code: 1, out: "", err: message });
      }
      expect(begun).toBe(0);
      expect(readFileSync(file, "utf8")).toBe("");
    });

    // Nobody can make files there, not even root.
    test.each(["/proc", "/proc/hearsay-results"])("where no files can be made: %s", async (out) => {
      const { code, err } = await run(out);
      expect(code).toBe(1);
      expect(err).toMatch(/^-out: \/proc[^:]*: [^\n]+; choose one (that can be made|where files can be made)$/);
      expect(begun).toBe(0);
    });

    test("nothing", async () => {
      expect(await run("")).toMatchObject({ code: 1, err: "-out: a directory expected, not nothing" });
    });

    test.each(["crash.txt", "crash.json", "crash-known.svg"])("a directory named %s in it", async (name) => {
      const out = join(folder, "o");
      mkdirSync(join(out, name), { recursive: true });
      const message = `-out: ${join(out, name)}: is a directory; choose another directory, or move it away`;
      expect(await run(out)).toEqual({ code: 1, out: "", err: message });
      expect(begun).toBe(0);
    });

    test("what is there stays as it was, and nothing comes to it, until the run has ended", async () => {
      const files: Record<string, string> = { "crash.json": "old", "notes.md": "mine", ".hidden": "" };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const seen: Record<string, string>[] = [];
      const watching: Experiment = {
        ...crash,
        *run() {
          seen.push(
            Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")])),
          );
        },
      };
      expect((await simOf([watching], {}, "run", "crash", `-out=${folder}`)).code).toBe(0);
      expect(seen).toEqual([files]);
      expect(readFileSync(join(folder, "notes.md"), "utf8")).toBe("mine");
      expect(JSON.parse(readFileSync(join(folder, "crash.json"), "utf8")).experiment).toBe("crash");
    });
  });

  test("Ctrl-C keeps what was measured", async () => {
    const running = sim("run", "crash", "-run=100h", "-nodes=50", `-out=${folder}`);
    setTimeout(() => process.emit("SIGINT"), 300);
    const { code, out, err } = await running;
    expect(code).toBe(130);
    expect(out).toContain("INCOMPLETE: broken off before the end");
    expect(err).toMatch(/^written: .*\nbroken off after \d+\.\d s; at most/);
    const report = JSON.parse(readFileSync(join(folder, "crash.json"), "utf8"));
    expect(report.complete).toBe(false);
    expect(report.tables[0].rows.length).toBeGreaterThan(1);
    expect(readFileSync(join(folder, "crash-known.svg"), "utf8")).toContain("</svg>");
    expect(process.listenerCount("SIGINT")).toBe(0);
  });
});

describe("scenario files", () => {
  const text = "# Small.\nnodes 5 seed 4\nwarm\ncrash 2\nuntil dead 2 within 30s\n";

  test("the transcript; the files; the speed", async () => {
    const file = scenario(text);
    const { code, out, err } = await sim("run", file, `-out=${folder}`);
    expect(code).toBe(0);
    expect(out).toMatch(/^# Small\.\n +nodes 5 seed 4\n +0\.000 {2}warm\n/);
    expect(err).toMatch(/\ntook .* of virtual time, [\d.]+ times real time; at most \d+ MB of memory\n$/);
    expect(readdirSync(folder).sort()).toEqual(["small-members.svg", "small.json", "small.transcript", "small.txt"]);
    expect(readFileSync(join(folder, "small.transcript"), "utf8")).toBe(out);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(JSON.parse(readFileSync(join(folder, "small.json"), "utf8"))).toMatchObject({
      experiment: "small",
      seed: 4,
      failures: [],
      transcript: expect.arrayContaining(["     0.000  warm"]),
    });
    const again = await sim("run", "-json", file);
    expect(again.out).toBe(readFileSync(join(folder, "small.json"), "utf8"));
    expect(JSON.parse((await sim("run", "-json", "-seed", "9", file)).out).seed).toBe(9);
  });

  test("a failed expectation: exit code 1, and where it stands", async () => {
    const file = scenario(`${text}expect all see 5 alive\n`);
    const { code, out, err } = await sim("run", file);
    expect(code).toBe(1);
    expect(out).toContain("FAILED: 0,1,3,4 see 4");
    expect(err).toContain(`\n${file}:6: expect all see 5 alive: 0,1,3,4 see 4\n`);
  });

  test("a mistake in it is one line; so is a file that cannot be read", async () => {
    const file = scenario("nodes 5\nwarm\n\ncrsh 1\n");
    expect(await sim("run", file)).toEqual({
      code: 1,
      out: "",
      err: `${file}:4: unknown command "crsh"; did you mean "crash"?`,
    });
    expect((await sim("run", folder)).err).toBe(`${folder}: is a directory`);
  });

  test("never overwritten by its own output", async () => {
    const file = scenario(text, "mine.transcript");
    const link = join(folder, "link");
    symlinkSync(folder, link);
    for (const out of [folder, link]) {
      const path = join(out, "mine.transcript");
      expect(await sim("run", file, `-out=${out}`)).toEqual({
        code: 1,
        out: "",
        err: `-out: ${path}: that is the scenario itself; choose another directory, or move it away`,
      });
    }
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(readdirSync(folder).sort()).toEqual(["link", "mine.transcript"]);
  });
});

/** In a process of its own, from what was built: a signal is for a whole process. */
const program = fileURLToPath(new URL("../../../../hearsay/bin/hearsay.mjs", import.meta.url));
const built = existsSync(fileURLToPath(new URL("../../../dist/cli/commands/sim.js", import.meta.url)));

describe.skipIf(!built)("the built program", () => {
  test.each([[[]], [["--max-old-space-size=150"]]])("Ctrl-C with node %j", { timeout: 30_000 }, async (options) => {
    // The second needs more heap than that, so the run is in a process behind the one that is signalled.
    const file = scenario("nodes 1500\nwarm\nadvance 24h\n", "long.txt");
    const files = join(folder, "kept");
    const child = spawn(process.execPath, [...options, program, "sim", "run", file, "-out", files]);
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    // Made when the run is about to begin; a little later it has.
    await expect.poll(() => existsSync(files), { timeout: 15_000 }).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const signalled = performance.now();
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(performance.now() - signalled).toBeLessThan(5000);
    expect(out).toContain("INCOMPLETE: broken off before the end.");
    expect(JSON.parse(readFileSync(join(files, "long.json"), "utf8")).complete).toBe(false);
  });
});
