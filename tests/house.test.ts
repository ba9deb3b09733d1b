/**
 * The house rules that the compiler cannot hold: who may import whom, what the pure ring may not touch, and that every
 * import stands in a manifest (workspaces hoist, so a missing entry would resolve here and nowhere else).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The arrows of ARCHITECTURE's first drawing: package -> packages of ours that it may import. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ["core"],
  serf: ["core", "wire"],
  state: ["core", "wire"],
  extended: ["core", "wire", "serf", "state"],
  sim: ["core", "wire", "serf", "state", "extended"],
  node: ["core", "wire", "serf", "state", "extended"],
  agent: ["core", "wire", "serf", "state", "node", "sim"],
  hearsay: ["node", "agent"],
};
const pure = ["core", "wire", "serf", "state", "extended", "sim"];
/** Clocks, chance and the surroundings: all that would make the same input give another output. */
const ambient =
  /\b(Date\.now|new Date\(\s*\)|Math\.random|performance\.|process\.|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|crypto\.|Buffer\.)/;

interface Source {
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly string[];
}

const packages = readdirSync(join(root, "packages")).filter((name) =>
  existsSync(join(root, "packages", name, "package.json")),
);

describe.each(packages)("packages/%s", (name) => {
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  const sources = sourcesOf(name);

  it("has a place in the drawing", () => {
    expect(Object.keys(mayImport)).toContain(name);
  });

  it("imports only downward", () => {
    const wrong = offences(sources, (target) => {
      const sibling = siblingName(target);
      return sibling !== undefined && sibling !== name && !mayImport[name]?.includes(sibling);
    });
    expect(wrong).toEqual([]);
  });

  it("reaches its siblings by name, not by path", () => {
    const wrong = sources.flatMap(({ path, imports }) => {
      const depth = path.split("/").length - 1;
      return imports
        .filter((target) => target.startsWith(".") && (target.match(/\.\.\//g)?.length ?? 0) > depth)
        .map((target) => `${path}: ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("names all that it imports in its manifest", () => {
    const declared = new Set([...Object.keys(manifest.dependencies ?? {}), manifest.name]);
    const wrong = offences(sources, (target) => isForeign(target) && !declared.has(packageName(target)));
    expect(wrong).toEqual([]);
  });

  if (!pure.includes(name)) return;
  it("is pure", () => {
    const modules = offences(sources, (target) => !target.startsWith(".") && siblingName(target) === undefined);
    const words = sources.flatMap(({ path, code }) => {
      const found = ambient.exec(code);
      return found ? [`${path}: ${found[1]}`] : [];
    });
    expect([...modules, ...words]).toEqual([]);
    const external = Object.keys(manifest.dependencies ?? {}).filter((target) => siblingName(target) === undefined);
    expect(external).toEqual([]);
  });
});

describe("the repository", () => {
  it("locks packages without saying where they were fetched from", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
    const entries = Object.entries(lock.packages as Record<string, { resolved?: string }>);
    expect(entries.filter(([, entry]) => entry.resolved?.includes("://")).map(([name]) => name)).toEqual([]);
  });

  it("locks what other platforms need too: npm ci refuses a lock without it", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
    const entries = Object.values(lock.packages as Record<string, { optionalDependencies?: Record<string, string> }>);
    const optional = entries.flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(optional.filter((name) => lock.packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });

  it("refers to nothing outside itself", () => {
    const outside = ["..", "shared"].join("/");
    const wrong = walk(root).filter((path) => readFileSync(join(root, path), "utf8").includes(outside));
    expect(wrong).toEqual([]);
  });
});

/** What a package ships: its sources without tests, what only tests use (`testing/`), and benches. */
function sourcesOf(name: string): Source[] {
  const src = join(root, "packages", name, "src");
  return readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path) && !/\.(test|bench)\.ts$|^testing\//.test(path))
    .map((path) => {
      const code = withoutComments(readFileSync(join(src, path), "utf8"));
      return { path, code, imports: importsOf(code) };
    });
}

function offences(sources: readonly Source[], isWrong: (target: string) => boolean): string[] {
  return sources.flatMap(({ path, imports }) => imports.filter(isWrong).map((target) => `${path}: ${target}`));
}

/** Strings are matched first, so that "//" inside one is not taken for a comment. */
function withoutComments(text: string): string {
  const token = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (_all, literal: string | undefined) => literal ?? " ");
}

function importsOf(code: string): string[] {
  const form = /\b(?:import|export)\b[^"';=]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
  return [...code.matchAll(form)].map((match) => match[1] ?? match[2]!);
}

/** Our package's short name when `target` is one of ours. */
function siblingName(target: string): string | undefined {
  if (target === "hearsay" || target.startsWith("hearsay/")) return "hearsay";
  return /^@hearsay\/([^/]+)/.exec(target)?.[1];
}

function isForeign(target: string): boolean {
  return !target.startsWith(".") && !target.startsWith("node:") && !builtinModules.includes(target);
}

function packageName(target: string): string {
  const parts = target.split("/");
  return target.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!;
}

/** The repository's own text files, without what is installed, built or recorded. */
function walk(top: string, under = ""): string[] {
  const skipped = ["node_modules", "dist", ".git", ".cache", "coverage", "vectors", "bench/results"];
  return readdirSync(join(top, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under ? `${under}/${entry.name}` : entry.name;
    if (skipped.includes(entry.name) || skipped.includes(path)) return [];
    if (entry.isDirectory()) return walk(top, path);
    return entry.isFile() && /\.(ts|mjs|js|json|md|go|yml|sh)$|\/run$/.test(path) ? [path] : [];
  });
}
