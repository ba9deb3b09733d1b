import type { Explanation, Logger, Member } from "@hearsay/node";
import { beforeEach, expect, test } from "vitest";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { logEvents } from "./event-log.ts";

let node: FakeNode;
let lines: string[];
let stop: () => void;
const logger = (component: string): Logger => {
  const at = (level: string) => (_fields: object, message: string) =>
    void lines.push(`${level} ${component}: ${message}`);
  return { trace: at("TRACE"), debug: at("DEBUG"), info: at("INFO"), warn: at("WARN"), error: at("ERR") };
};

beforeEach(() => {
  node = new FakeNode(fakeMember("me", { address: "10.0.0.1" }));
  lines = [];
  stop = logEvents(node, { serf: logger("serf"), memberlist: logger("memberlist") });
  expect(lines.splice(0)).toEqual(["INFO serf: EventMemberJoin: me 10.0.0.1"]);
});

test("member events in Serf's words, and the reasons of a death", () => {
  const b: Member = fakeMember("b", { address: "10.0.0.2" });
  const failed: Member = { ...b, status: "failed", state: "dead" };
  const explanation: Explanation = { name: "b", member: failed, evidence: [], summary: "failed because" };
  node.explanations.set("b", explanation);
  node.emit("member-join", b);
  node.emit("member-update", b);
  node.emit("member-suspect", b);
  node.emit("member-refuted", b);
  node.emit("member-failed", failed);
  // Back again before anybody could ask.
  node.explanations.set("b", { ...explanation, member: b, summary: "alive" });
  node.emit("member-failed", failed);
  node.emit("member-leave", { ...b, state: "dead" });
  node.emit("member-leave", { ...b, state: "left" });
  node.emit("member-reap", b);
  expect(lines).toEqual([
    "INFO serf: EventMemberJoin: b 10.0.0.2",
    "INFO serf: EventMemberUpdate: b",
    "INFO memberlist: b (10.0.0.2:7946) is suspected to have failed",
    "INFO memberlist: b (10.0.0.2:7946) is alive after all",
    "INFO serf: EventMemberFailed: b 10.0.0.2",
    "INFO memberlist: b: failed because",
    "INFO serf: EventMemberFailed: b 10.0.0.2",
    "INFO serf: EventMemberLeave (forced): b 10.0.0.2",
    "INFO serf: EventMemberLeave: b 10.0.0.2",
    "INFO serf: EventMemberReap: b",
  ]);
});

test("what a peer can cause without end is said once", () => {
  for (let port = 1; port <= 3; port++) {
    node.emit("dropped", { reason: "label-mismatch", peer: `10.0.0.9:${port}`, count: port });
    node.emit("merge-refused", { peer: "10.0.0.9:7946", reason: "its protocol version (9) is incompatible" });
    node.emit("conflict", { name: "me", own: true, held: "10.0.0.1:7946", claimed: "10.0.0.9:7946" });
  }
  expect(lines.filter((line) => line.startsWith("WARN"))).toEqual([
    "WARN memberlist: dropped a message from 10.0.0.9:1: its label is not ours; it belongs to another pool, or -label differs (label-mismatch)",
    "WARN memberlist: state exchange with 10.0.0.9:7946 refused: its protocol version (9) is incompatible",
    'WARN memberlist: name conflict: 10.0.0.9:7946 claims our own name "me"; names must be unique',
  ]);
  expect(lines.filter((line) => line.startsWith("DEBUG"))).toHaveLength(2);
});

test.each([
  ["decrypt-failed", /^WARN .*it is encrypted, but this agent has no key/],
  ["msgpack-invalid", /^WARN .*it makes no sense/],
  ["unknown-ack", /^DEBUG /],
  ["extension-stranger", /^DEBUG .*its sender is no member here/],
  ["extension-malformed", /^WARN .*newer version/],
])("dropped: %s", (reason, expected) => {
  node.emit("dropped", { reason, peer: "10.0.0.9:7946", count: 1 });
  expect(lines).toEqual([expect.stringMatching(expected)]);
});

test("company lost and found; nothing after the end", () => {
  node.table.push(fakeMember("b", { status: "failed", state: "dead" }));
  node.emit("isolated");
  node.emit("reconnected");
  node.table.splice(1, 1, fakeMember("b", { status: "left", state: "left" }));
  node.emit("isolated");
  expect(lines).toEqual([
    "WARN serf: no other member can be reached; trying on",
    "INFO serf: other members can be reached again",
    "INFO serf: no other member is left in the pool",
  ]);
  stop();
  node.emit("isolated");
  expect(lines).toHaveLength(3);
  expect(node.listenerCount("dropped")).toBe(0);
});
