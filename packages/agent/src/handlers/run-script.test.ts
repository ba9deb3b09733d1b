/** Real commands, run by a real shell. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test, vi } from "vitest";
import { runScript } from "./run-script.ts";

const directory = mkdtempSync(join(tmpdir(), "hearsay-script-"));
afterAll(() => rmSync(directory, { recursive: true }));

const run = async (command: string, input = "", more: { signal?: AbortSignal; graceMs?: number } = {}) => {
  const signal = new AbortController().signal;
  const ran = await runScript(command, { environment: { OWN: "x" }, input: Buffer.from(input), signal, ...more });
  return { ...ran, output: Buffer.from(ran.output).toString() };
};

test("environment, input, output and exit code", async () => {
  expect(await run('echo "$OWN $0 $#"; cat; exit 3', "in\n")).toEqual({
    exitCode: 3,
    output: "x /bin/sh 0\nin\n",
    written: 15,
    abandon: undefined,
  });
});

test("stdout and stderr in the order written, and both can be opened by name, as the input can", async () => {
  const { output } = await run(
    "cat /dev/stdin; for i in 1 2 3; do echo o$i; echo e$i >&2; done; echo x > /dev/stderr; echo y >/dev/stdout",
    "in\n",
  );
  expect(output).toBe("in\no1\ne1\no2\ne2\no3\ne3\nx\ny\n");
});

test("the last 8192 bytes, of however much", async () => {
  const { output, written } = await run("i=0; while [ $i -lt 3000 ]; do echo line-$i; i=$((i+1)); done");
  const all = Array.from({ length: 3000 }, (_, i) => `line-${i}\n`).join("");
  expect(written).toBe(all.length);
  expect(output).toBe(all.slice(-8192));
});

test("input that is not read harms nobody, however much it is", async () => {
  expect(await run("echo done", "x".repeat(500_000))).toMatchObject({ exitCode: 0, output: "done\n" });
  expect(await run("wc -c", "x".repeat(500_000))).toMatchObject({ exitCode: 0, output: "500000\n" });
});

test("commands that a shell cannot run, and those that are killed, have exit codes", async () => {
  expect((await run("/nowhere/at/all")).exitCode).toBe(127);
  expect((await run("'")).exitCode).toBe(2);
  expect(await run("kill -9 $$")).toMatchObject({ exitCode: 137, output: "" });
});

test("what no process can be given is an error", async () => {
  await expect(run("echo \0")).rejects.toThrow("null bytes");
});

test("something left behind with the output open does not hold us up, and is not harmed", async () => {
  const file = join(directory, "left-behind");
  const began = performance.now();
  const ran = await run(`echo now; (sleep 0.6; echo later; echo alive > ${file}) &`, "", { graceMs: 100 });
  expect(performance.now() - began).toBeLessThan(550);
  expect(ran).toMatchObject({ exitCode: 0, output: "now\n" });
  expect(ran.abandon).toBeTypeOf("function");
  await vi.waitFor(() => expect(readFileSync(file, "utf8")).toBe("alive\n"), 3000);
  ran.abandon!();
});

test("the signal ends the waiting, not the command", async () => {
  const file = join(directory, "goes-on");
  const controller = new AbortController();
  const running = run(`sleep 0.3; echo still > ${file}`, "", { signal: controller.signal });
  await sleep(100);
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  await vi.waitFor(() => expect(readFileSync(file, "utf8")).toBe("still\n"), 3000);
  await expect(run("true", "", { signal: controller.signal })).rejects.toThrow("enough");
});
