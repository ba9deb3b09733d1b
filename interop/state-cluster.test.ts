/**
 * Ten processes that count and write into one pool, on a network that loses one packet in a hundred, five of which are
 * killed and started again in the middle of it. What must hold is said by the assertions.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { canNetns, launch, sleep, waitFor } from "./harness.ts";
import { type Host, Network } from "./network.ts";

const program = fileURLToPath(new URL("./counting.mjs", import.meta.url));
const writers = 10;
const goal = 100_000;
const kills = 3;

interface Look {
  readonly value: string;
  readonly shared: Readonly<Record<string, number>>;
  readonly alive: number;
}

describe.skipIf(!canNetns)("a cluster that counts", () => {
  it("is exact after a million adds, under loss and kill -9, and keeps what survivors wrote", {
    timeout: 300_000,
  }, async () => {
    await using network = new Network(writers);
    const folder = mkdtempSync(join(tmpdir(), "hearsay-counting-"));
    const running = network.hosts.map((host, i) => new Writer(host, `w${i}`, folder, network.hosts[0]!));
    try {
      network.loseOneIn(100);
      await Promise.all(running.map((writer) => writer.start()));
      // The last five are killed again and again while they count; the others live on.
      for (let round = 0; round < kills; round++) {
        for (const writer of running.slice(5)) {
          if (writer.mine >= goal) continue;
          await writer.kill();
          await writer.start();
        }
      }
      expect(running.some((writer) => writer.resumedInTheMiddle)).toBe(true);
      await waitFor(
        () => running.every(({ isDone }) => isDone),
        180_000,
        () => `counted: ${running.map(({ name, mine }) => `${name} ${mine}`).join(", ")}`,
      );
      let looks: Look[] = [];
      await waitFor(
        async () => {
          looks = await Promise.all(running.map((writer) => writer.look()));
          return looks.every(({ value, alive }) => value === String(writers * goal) && alive === writers);
        },
        60_000,
        () => `known: ${looks.map(({ value, alive }) => `${value} of ${alive} alive`).join(", ")}`,
      );
      // Exact and no more: nothing comes later.
      await sleep(3000);
      for (const look of await Promise.all(running.map((writer) => writer.look()))) {
        expect(look.value).toBe(String(writers * goal));
        expect(look.alive).toBe(writers);
        for (const { name, wrote } of running) expect(look.shared[`at-${name}`]).toBe(wrote);
      }
    } finally {
      for (const writer of running) await writer.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** One counting process after another under one name. */
class Writer {
  readonly name: string;
  /** The last shared write that was acknowledged. */
  wrote = 0;
  mine = 0;
  isDone = false;
  resumedInTheMiddle = false;
  readonly #host: Host;
  readonly #arguments: string;
  #child: ChildProcess | undefined;
  #ready: (() => void) | undefined;
  #looked: ((look: Look) => void) | undefined;

  constructor(host: Host, name: string, folder: string, seed: Host) {
    this.#host = host;
    this.name = name;
    this.#arguments = JSON.stringify({
      options: {
        name,
        bind: `${host.address}:7946`,
        seeds: host === seed ? [] : [`${seed.address}:7946`],
        stateFile: join(folder, name),
      },
      goal,
      writeEvery: 5000,
    });
  }

  async start(): Promise<void> {
    const child = launch([...this.#host.enter, process.execPath, program, this.#arguments]);
    this.#child = child;
    let rest = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => process.stderr.write(`${this.name}: ${text}`));
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#onLine(JSON.parse(line));
    });
    await new Promise<void>((resolve, reject) => {
      this.#ready = resolve;
      child.once("close", (code) => reject(new Error(`${this.name} ended at start with ${code}`)));
    });
    // Some of its life, so that it is killed in the middle of counting.
    await sleep(300);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  look(): Promise<Look> {
    return new Promise((resolve) => {
      this.#looked = resolve;
      this.#child!.stdin!.write("look\n");
    });
  }

  #onLine(line: { type: string; mine?: number; value?: unknown }): void {
    if (line.type === "ready") {
      this.mine = line.mine!;
      this.resumedInTheMiddle ||= this.mine > 0 && this.mine < goal;
      this.#ready?.();
    } else if (line.type === "wrote") {
      this.wrote = line.value as number;
      this.mine = this.wrote;
    } else if (line.type === "done") this.isDone = true;
    else if (line.type === "look") this.#looked?.(line as unknown as Look);
  }
}
