// @ts-check
/**
 * Brings packages/<name>/dist up to date. The compiler runs only when a source or a compiler setting changed since the last
 * build that succeeded, so that a second run costs a look at some hundred files and no more.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrap, isMain, root, run, runMain, SetupError } from "./bootstrap.mjs";

/** Installs if need be, then compiles if need be. Throws SetupError with the compiler's words. */
export async function build() {
  await bootstrap();
  const marker = join(root, "node_modules", ".hearsay-build");
  const wanted = fingerprint();
  if (allBuilt() && existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  process.stderr.write("hearsay: building ... ");
  const started = Date.now();
  const { code, output } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
  if (code !== 0) {
    process.stderr.write("failed\n");
    throw new SetupError(`the build failed:\n${output.trim()}`);
  }
  writeFileSync(marker, wanted);
  process.stderr.write(`done (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
}

function packages() {
  return readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "tsconfig.json")),
  );
}

function allBuilt() {
  return packages().every((name) => existsSync(join(root, "packages", name, "dist/index.js")));
}

/** Names, sizes and times of all that the compiler reads: a deleted or an older file changes it too. */
function fingerprint() {
  const files = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name));
  for (const name of packages()) {
    files.push(`packages/${name}/tsconfig.json`, `packages/${name}/package.json`);
    for (const file of readdirSync(join(root, "packages", name, "src"), { recursive: true })) {
      if (/\.tsx?$/.test(String(file)) && !/\.(test|bench)\.ts$/.test(String(file)))
        files.push(`packages/${name}/src/${file}`);
    }
  }
  const hash = createHash("sha256");
  for (const file of files.sort()) {
    const { mtimeMs, size } = statSync(join(root, file));
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest("hex");
}

if (isMain(import.meta.url)) await runMain(() => build().then(() => 0));
