import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Keyring } from "@hearsay/wire";
import { afterAll, describe, expect, test } from "vitest";
import { readKeyringFile, writeKeyringFile } from "./keyring-file.ts";
import { LiveKeyring } from "./live-keyring.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-keyring-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = (fill: number) => new Uint8Array(32).fill(fill);
const base64 = (fill: number) => Buffer.from(key(fill)).toString("base64");
/** As a Serf agent writes it. */
const fileOf = (...fills: number[]) => `[\n${fills.map((fill) => `  "${base64(fill)}"`).join(",\n")}\n]`;

describe("reading", () => {
  test("what Serf writes", async () => {
    const path = join(folder, "serf.json");
    writeFileSync(path, fileOf(1, 2));
    expect(await readKeyringFile(path)).toEqual([key(1), key(2)]);
  });

  test.each([
    ["no json", "is no JSON; want an array of keys in base64"],
    ['{"keys":[]}', "holds no JSON array"],
    ["[]", "is empty: Keyring file contains no keys"],
    ["[7]", "has no key at place 1: it is no text"],
    [`["${base64(1)}", "c2VjcmV0"]`, "has no key at place 2: is 6 bytes long; want 16, 24 or 32 (AES-128, -192, -256)"],
    [`["secret!"]`, "has no key at place 1: is neither bytes nor base64"],
    [`["${"A".repeat(70_000)}"]`, "is larger than 65536 bytes"],
  ])("%.20s", async (text, message) => {
    const path = join(folder, "bad.json");
    writeFileSync(path, text);
    const error = await readKeyringFile(path).catch((reason: Error) => reason as Error & { code: string });
    expect(error).toMatchObject({ code: "KEYRING_FILE", option: "keyringFile" });
    expect((error as Error).message).toContain(`keyringFile: ${JSON.stringify(path)} ${message}`);
    expect((error as Error).message).not.toMatch(/\n|secret|c2VjcmV0/);
  });

  test("missing", async () => {
    await expect(readKeyringFile(join(folder, "none.json"))).rejects.toMatchObject({
      code: "KEYRING_FILE",
      message: expect.stringContaining("does not exist; make it with a JSON array of one or more keys"),
      cause: expect.objectContaining({ code: "ENOENT" }),
    });
    await expect(readKeyringFile(folder)).rejects.toMatchObject({ code: "KEYRING_FILE" });
  });
});

describe("changing", () => {
  test("every success is in the file when the operation returns, readable by the owner alone", async () => {
    const path = join(folder, "live.json");
    writeFileSync(path, fileOf(1), { mode: 0o644 });
    const live = new LiveKeyring(new Keyring([key(1)]), path);
    live.install(key(2));
    expect(readFileSync(path, "utf8")).toBe(fileOf(1, 2));
    live.use(key(2));
    expect(readFileSync(path, "utf8")).toBe(fileOf(2, 1));
    live.remove(key(1));
    expect(readFileSync(path, "utf8")).toBe(fileOf(2));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.includes(".tmp"))).toEqual([]);
    expect(await readKeyringFile(path)).toEqual([key(2)]);
  });

  test("refusals in Serf's words change nothing", () => {
    const path = join(folder, "refusals.json");
    writeKeyringFile(path, [key(1)]);
    const live = new LiveKeyring(new Keyring([key(1)]), path);
    expect(() => live.use(key(2))).toThrow("requested key is not in the keyring");
    expect(() => live.remove(key(1))).toThrow("removing the primary key is not allowed");
    expect(() => live.install(new Uint8Array(5))).toThrow("key size must be 16, 24 or 32 bytes");
    live.remove(key(9));
    live.install(key(1));
    expect(live.keys()).toEqual([key(1)]);
    expect(readFileSync(path, "utf8")).toBe(fileOf(1));
  });

  test("a failed write is told; the ring has changed, and repeating mends the file", () => {
    const sub = mkdtempSync(join(folder, "sub-"));
    const path = join(sub, "keys.json");
    writeKeyringFile(path, [key(1)]);
    let broken = true;
    const live = new LiveKeyring(new Keyring([key(1)]), path, (to, keys) => {
      if (broken) throw new Error("ENOSPC: no space left on device");
      writeKeyringFile(to, keys);
    });
    expect(() => live.install(key(2))).toThrow("Failed to write keyring file: ENOSPC: no space left on device");
    expect(live.keys()).toEqual([key(1), key(2)]);
    expect(readFileSync(path, "utf8")).toBe(fileOf(1));
    broken = false;
    live.install(key(2));
    expect(readFileSync(path, "utf8")).toBe(fileOf(1, 2));
  });

  test("a link stays a link; a file that was taken away is made anew", () => {
    const [path, link] = [join(folder, "real.json"), join(folder, "link.json")];
    writeFileSync(path, fileOf(1));
    symlinkSync(path, link);
    writeKeyringFile(link, [key(2)]);
    expect([lstatSync(link).isSymbolicLink(), readFileSync(path, "utf8")]).toEqual([true, fileOf(2)]);
    rmSync(path);
    rmSync(link);
    writeKeyringFile(path, [key(3)]);
    expect(readFileSync(path, "utf8")).toBe(fileOf(3));
  });

  test("a folder that is gone", () => {
    const sub = mkdtempSync(join(folder, "gone-"));
    const path = join(sub, "keys.json");
    writeKeyringFile(path, [key(1)]);
    rmSync(sub, { recursive: true });
    expect(() => writeKeyringFile(path, [key(2)])).toThrow("ENOENT");
  });

  test("without a file, and with more keys than anybody rotates", () => {
    const live = new LiveKeyring(new Keyring([key(1)]), undefined);
    const another = (i: number) => new Uint8Array(16).fill(i);
    for (let i = 0; i < 255; i++) live.install(another(i));
    expect(live.keys()).toHaveLength(256);
    expect(() => live.install(another(255))).toThrow("the keyring is full (256 keys); remove old keys first");
    live.install(another(7));
    live.remove(another(7));
    live.install(another(255));
    expect(live.keys()).toHaveLength(256);
  });
});
