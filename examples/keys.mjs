// Change the key of an encrypted pool while it runs. One of the two keeps its keys in a file.
//
//     npm run build && node examples/keys.mjs
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode } from "hearsay";

const folder = await mkdtemp(join(tmpdir(), "hearsay-keys-"));
const file = join(folder, "keys.json");
const [old, fresh] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
const called = (key) => (key === old ? "old" : key === fresh ? "new" : "unknown");

await writeFile(file, JSON.stringify([old]), { mode: 0o600 });
const common = { bind: "127.0.0.1:0", profile: "local" };
const one = await createNode({ ...common, name: "one", keyringFile: file });
const two = await createNode({ ...common, name: "two", keys: [old], seeds: [`127.0.0.1:${one.port}`] });
while (one.members().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));

// Look at each result before the next step: who has missed the new key would be cut off.
const step = async (what, operation) => {
  const { ok, error, silent, messages } = await operation;
  if (!ok) throw new Error(`${what}: ${error}; silent: ${silent.join(", ")}; ${JSON.stringify(messages)}`);
  const { keys, primaryKeys, nodes } = await one.keys.list();
  const rows = Object.entries(keys).map(([key, count]) => {
    const encrypting = primaryKeys[key] ? `, ${primaryKeys[key]} encrypt with it` : "";
    return `${called(key)} ${count}/${nodes}${encrypting}`;
  });
  console.log(`${what}: ${rows.sort().join("; ")}`);
};

await step("installed", one.keys.install(fresh));
await step("used", one.keys.use(fresh));
await step("removed", one.keys.remove(old));
console.log(
  `in the file: ${JSON.parse(await readFile(file, "utf8"))
    .map(called)
    .join(", ")}`,
);
console.log(`still together: ${two.member("one").status}`);

// What cannot be done is told by everybody.
const { error, messages } = await two.keys.remove(fresh);
console.log(`${error}: ${Object.values(messages)[0]}`);

await Promise.all([one.leave(), two.leave()]);
await rm(folder, { recursive: true });
