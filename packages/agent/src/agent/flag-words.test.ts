import { createNode } from "@hearsay/node";
import { expect, test } from "vitest";
import { type AgentConfig, DEFAULT_CONFIG } from "./config.ts";
import { inFlagWords } from "./flag-words.ts";
import { nodeOptions, withPort } from "./node-options.ts";

const derived = (config: AgentConfig, keys: readonly string[] = []) => ({
  keys,
  tags: config.tags,
  bind: withPort(config.bind),
});
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

test.each<[Partial<AgentConfig>, RegExp]>([
  [{ nodeName: "" }, /^-node: "" /],
  [{ bind: "999" }, /^-bind: /],
  [{ bind: "192.0.2.1:0" }, /^-bind: 192\.0\.2\.1:0 .*no address of this machine/],
  [{ advertise: "a b" }, /^-advertise: "a b:7946" /],
  [{ label: "x".repeat(300) }, /^-label: /],
  [{ tags: { a: "x".repeat(600) } }, /^-tag: .*512 bytes/],
  [{ startJoin: ["a:1", "b c"], retryJoin: ["d:1"] }, /^-join: "b c" /],
  [{ startJoin: ["a:1"], retryJoin: ["a:1", "b c"] }, /^-retry-join: "b c" /],
  [{ protocol: 9 }, /^-protocol: 9 /],
])("%j", async (fields, message) => {
  const config = { ...DEFAULT_CONFIG, bind: "127.0.0.1:0", ...fields };
  const error = await createNode(nodeOptions(config, derived(config), silent)).then(
    (node) => node.close(),
    (reason: unknown) => reason,
  );
  expect(inFlagWords(error, config)).toMatch(message);
});

test("keys, and what no flag is to blame for", async () => {
  const error = await createNode(nodeOptions(DEFAULT_CONFIG, derived(DEFAULT_CONFIG, ["AAAA"]), silent)).catch(
    (reason: unknown) => reason,
  );
  expect(inFlagWords(error, DEFAULT_CONFIG)).toMatch(/^-encrypt: is 3 bytes long/);
  expect(inFlagWords(error, { ...DEFAULT_CONFIG, keyringFile: "keys.json" })).toMatch(/^-keyring-file: /);
  expect(inFlagWords(new Error("x: y"), DEFAULT_CONFIG)).toBe("x: y");
});
