import { expect, test } from "vitest";
import { fakeMember } from "../../test/fake-node.ts";
import type { AgentEvent } from "../agent/agent-event.ts";
import { scriptEnvironment, scriptInput } from "./script-input.ts";

const SELF = fakeMember("me", { address: "10.0.0.1", port: 7000, tags: { role: "web", "x.y-z": "1\n2", straße: "s" } });
const input = (event: AgentEvent) => Buffer.from(scriptInput(event)).toString();
const user = (payload: string): AgentEvent => ({
  kind: "user",
  event: { name: "deploy now", lTime: 7, coalesce: true, payload: Buffer.from(payload) },
});
const OWN = { SERF_SELF_NAME: "me", SERF_SELF_ADDR: "10.0.0.1", SERF_SELF_PORT: "7000" };

test("the environment: the event, ourselves, our tags, and what an event or query is called", () => {
  const tags = { SERF_TAG_ROLE: "web", SERF_TAG_X_Y_Z: "1\n2", SERF_TAG_STRA_E: "s" };
  expect(scriptEnvironment(user(""), SELF)).toEqual({
    ...OWN,
    SERF_SELF_ROLE: "web",
    ...tags,
    SERF_EVENT: "user",
    SERF_USER_EVENT: "deploy now",
    SERF_USER_LTIME: "7",
  });
  const query: AgentEvent = {
    kind: "query",
    query: {
      ...{ name: "load", lTime: 9, id: 1, from: "n2", payload: new Uint8Array(0), deadline: new Date(0) },
      respond: async () => {},
    },
  };
  expect(scriptEnvironment(query, { ...SELF, tags: {} })).toEqual({
    ...OWN,
    SERF_SELF_ROLE: "",
    SERF_EVENT: "query",
    SERF_QUERY_NAME: "load",
    SERF_QUERY_LTIME: "9",
  });
});

test("members a line each, with what would break the line escaped", () => {
  const members = [
    fakeMember("a\tb", { address: "10.0.0.2", tags: { role: "w\teb", dc: "e,a=st\n" } }),
    fakeMember("c", { address: "::1" }),
  ];
  expect(input({ kind: "member-failed", members })).toBe(
    "a\\tb\t10.0.0.2\tw\\teb\tdc=e,a=st\\n,role=w\\teb\nc\t::1\t\t\n",
  );
});

test.each([
  ["", ""],
  ["x", "x\n"],
  ["x\n", "x\n"],
  ["\n", "\n"],
  ["x\ny", "x\ny\n"],
])("payload %j becomes %j", (payload, expected) => {
  expect(input(user(payload))).toBe(expected);
});

test("payloads that are no text stay what they are", () => {
  const payload = Uint8Array.of(0, 255, 128);
  const event: AgentEvent = { kind: "user", event: { name: "x", lTime: 1, coalesce: false, payload } };
  expect([...scriptInput(event)]).toEqual([0, 255, 128, 10]);
});
