// @ts-check
/**
 * `npm test`: everything a change has to pass, on a fresh clone too. Packages and build, types of the tests, biome, then
 * vitest's unit and interop projects. With arguments (`npm test -- --project unit probe`,
 * `npm test -- --project long`) only vitest, with those.
 *
 * The last lines say which suites could not run here and what to install for them (a failure where CI is set), and
 * then `N passed, N failed`, as vitest counted.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { root, run, runMain } from "./bootstrap.mjs";
import { build } from "./build.mjs";
import { bringPeers, findPeers, missing, toolPath } from "./peers.mjs";

const args = process.argv.slice(2);
const whole = args.length === 0;
const inCi = !["", "0", "false", undefined].includes(process.env.CI);

async function main() {
  await build();
  const checks = whole ? await Promise.all([check("types", tsc()), check("biome", biome())]) : [];
  const peers = await (whole ? bringPeers() : findPeers());
  const found = { HEARSAY_SERF: peers.serf ?? "", HEARSAY_NETNS: peers.namespaces ? "1" : "" };
  const result = await vitest({ ...found, PATH: toolPath });

  const notRun = whole ? result.notRun : [];
  for (const name of checks.filter((name) => name !== undefined)) console.log(`${name}: failed, see above`);
  for (const suite of notRun) console.log(`not run: ${suite}`);
  if (notRun.length > 0) for (const line of missing(peers)) console.log(`  for ${line}`);
  if (notRun.length > 0 && inCi) console.log("a suite that did not run is a failure here, as CI is set");
  console.log(`${result.passed} passed, ${result.failed} failed`);

  const sound = checks.every((name) => name === undefined) && !(inCi && notRun.length > 0);
  return result.code !== 0 ? result.code : sound && result.failed === 0 ? 0 : 1;
}

function tsc() {
  const bin = join(root, "node_modules/typescript/bin/tsc");
  return run(process.execPath, [bin, "-p", "tsconfig.test.json", "--pretty", "false"]);
}

function biome() {
  const bin = join(root, "node_modules/@biomejs/biome/bin/biome");
  return run(process.execPath, [bin, "check", "--error-on-warnings", "."]);
}

/** Its name when it failed, with what it said printed.
 *  @param {string} name
 *  @param {Promise<{ code: number, output: string }>} running */
async function check(name, running) {
  const { code, output } = await running;
  if (code === 0) return undefined;
  console.log(`${name}:\n${output.trim()}\n`);
  return name;
}

/** @param {Record<string, string>} env */
async function vitest(env) {
  const dir = mkdtempSync(join(tmpdir(), "hearsay-test-"));
  const report = join(dir, "report.json");
  const bin = join(root, "node_modules/vitest/vitest.mjs");
  const selected = whole ? ["--project", "unit", "--project", "interop"] : args;
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    const child = spawn(process.execPath, [bin, "run", ...reporters, ...selected], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, ...env },
    });
    // A terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is handed on.
    const forward = () => child.kill("SIGTERM");
    process.on("SIGTERM", forward).on("SIGINT", () => {});
    /** @type {number} */
    const code = await new Promise((resolve) => {
      child.on("error", () => resolve(127));
      child.on("exit", (status, signal) => resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    return { code, ...summary(report) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {string} path of vitest's JSON report */
function summary(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { passed: 0, failed: 1, notRun: [] }; // it ended before it could report
  }
  let failed = report.numFailedTests;
  const notRun = [];
  for (const file of report.testResults) {
    const name = relative(root, file.name);
    const states = file.assertionResults.map((/** @type {{ status: string }} */ test) => test.status);
    // A file that cannot be loaded has no tests to fail.
    if (file.status === "failed" && !states.includes("failed")) failed++;
    const skipped = states.filter((/** @type {string} */ state) => state !== "passed" && state !== "failed").length;
    if (skipped > 0) notRun.push(`${name} (${skipped === states.length ? "all" : skipped} of ${states.length} tests)`);
  }
  return { passed: report.numPassedTests, failed, notRun };
}

await runMain(main);
