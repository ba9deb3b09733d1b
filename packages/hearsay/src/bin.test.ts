import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));

test("the lock knows the command, or `npm ci` would not link it", () => {
  const { bin } = json("package-lock.json").packages["packages/hearsay"];
  expect(bin).toEqual({ hearsay: json("packages/hearsay/package.json").bin.hearsay.replace("./", "") });
});

test("without a build it says what to do", () => {
  const clone = mkdtempSync(join(tmpdir(), "hearsay-clone-"));
  try {
    for (const path of ["packages/hearsay/bin/hearsay.mjs", "packages/agent/package.json"]) {
      cpSync(join(root, path), join(clone, path));
    }
    mkdirSync(join(clone, "node_modules/@hearsay"), { recursive: true });
    symlinkSync(join(clone, "packages/agent"), join(clone, "node_modules/@hearsay/agent"));
    const program = join(clone, "packages/hearsay/bin/hearsay.mjs");
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, "version"], { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: "hearsay is not built yet: run `npm start` or `npm run build` in the repository\n",
    });
  } finally {
    rmSync(clone, { recursive: true });
  }
});

const built = existsSync(join(root, "packages/agent/dist/cli/main.js"));

test.skipIf(!built)(
  "a list whose reader has seen enough is done; an agent that nobody reads any more has failed",
  async () => {
    const codeOf = async (...args: readonly string[]) => {
      const program = join(root, "packages/hearsay/bin/hearsay.mjs");
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "ignore"] });
      const exited = once(child, "exit");
      child.stdout.destroy();
      return (await exited)[0];
    };
    expect(await codeOf("help")).toBe(0);
    expect(await codeOf("agent", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-node=unread")).toBe(1);
  },
);
