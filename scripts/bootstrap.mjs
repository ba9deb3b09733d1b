// @ts-check
/**
 * Makes a clone usable: the right Node, and the packages of package-lock.json. Needs nothing but Node and npm, and does
 * nothing when all is there (a few milliseconds). `npm start` and `npm test` begin with it.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const minimumNode = [20, 19];

/** A failure that is told in one line, without a stack. */
export class SetupError extends Error {}

/** Installs if node_modules is missing or belongs to another package-lock.json. Throws SetupError. */
export async function bootstrap() {
  checkNode();
  const lockFile = join(root, "package-lock.json");
  const modules = join(root, "node_modules");
  const marker = join(modules, ".hearsay-lock");
  const wanted = createHash("sha256").update(readFileSync(lockFile)).digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  if (!existsSync(marker) && installedByHand(lockFile, modules)) {
    writeFileSync(marker, wanted);
    return;
  }
  const started = Date.now();
  process.stderr.write("hearsay: installing packages ... ");
  const { code, output } = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) {
    process.stderr.write("failed\n");
    throw new SetupError(`npm ci failed (exit ${code}):\n${output.trim()}`);
  }
  writeFileSync(marker, wanted);
  process.stderr.write(`done (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
}

/**
 * Runs a program to its end and keeps what it prints. Never rejects: a program that cannot be started has code 127.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      // npm is a script there.
      shell: process.platform === "win32" && command === "npm",
      ...options,
    });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 128, output }));
  });
}

/** Runs a script's main part; a SetupError ends it with one line, anything else with its stack. Exit code 1 for both.
 *  @param {() => Promise<number | undefined>} main its result is the exit code */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof SetupError ? `hearsay: ${error.message}` : error);
    process.exitCode = 1;
  }
}

/** @param {string} url `import.meta.url` of the asking module */
export function isMain(url) {
  return process.argv[1] !== undefined && fileURLToPath(url) === realpathSync(process.argv[1]);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantMajor = 0, wantMinor = 0] = minimumNode;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  throw new SetupError(
    `Node ${minimumNode.join(".")} or newer is needed, this is ${process.versions.node} (${process.execPath}).`,
  );
}

/** Somebody ran npm themselves after the lock file last changed: nothing to repeat.
 *  @param {string} lockFile
 *  @param {string} modules */
function installedByHand(lockFile, modules) {
  const own = join(modules, ".package-lock.json");
  return existsSync(own) && statSync(own).mtimeMs >= statSync(lockFile).mtimeMs;
}

if (isMain(import.meta.url)) await runMain(() => bootstrap().then(() => 0));
