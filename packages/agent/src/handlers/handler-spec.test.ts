import { describe, expect, test } from "vitest";
import { fakeMember } from "../../test/fake-node.ts";
import type { AgentEvent } from "../agent/agent-event.ts";
import { handlerStats, parseHandlerSpec, wantedPart } from "./handler-spec.ts";

const user = (name: string): AgentEvent => ({
  kind: "user",
  event: { name, lTime: 1, coalesce: false, payload: new Uint8Array(0) },
});
const query = (name: string): AgentEvent => ({
  kind: "query",
  query: {
    name,
    ...{ lTime: 1, id: 1, from: "x", deadline: new Date(0), payload: new Uint8Array(0) },
    respond: async () => {},
  },
});
const join = (...members: (readonly [name: string, role?: string])[]): AgentEvent => ({
  kind: "member-join",
  members: members.map(([name, role]) => fakeMember(name, { tags: role === undefined ? {} : { role } })),
});
const wants = (spec: string, event: AgentEvent) => wantedPart(parseHandlerSpec(spec), event) !== undefined;

describe("as Serf reads it", () => {
  test.each([
    ["cmd", "cmd", ["*"]],
    ["=cmd", "cmd", ["*"]],
    ["*=env X=1 cmd", "env X=1 cmd", ["*"]],
    ["member-join,member-leave=a=b", "a=b", ["member-join", "member-leave"]],
    ["user:a b,query=cmd", "cmd", ["user:a b", "query"]],
    ["user:a[b=cmd", "cmd", ["user:a[b"]],
    ["query:=cmd", "cmd", ["query:"]],
  ])("%s", (text, command, filter) => {
    const spec = parseHandlerSpec(text);
    expect([spec.command, spec.filter.map((part) => part.text)]).toEqual([command, filter]);
  });

  test.each([
    ["bogus=x", "Invalid event script: Event 'bogus' invoking 'x'"],
    ["user:a,member-x=y", "Invalid event script: Event 'member-x' invoking 'y'"],
    [" user=x", "Invalid event script: Event ' user' invoking 'x'"],
    ["user,=x", "Invalid event script: Event '' invoking 'x'"],
    ["env X=1 cmd", "Invalid event script: Event 'env X' invoking '1 cmd'"],
    ["member-joined=x", "Invalid event script: Event 'member-joined' invoking 'x'"],
  ])("refused: %s", (text, message) => {
    expect(() => parseHandlerSpec(text)).toThrow(message);
  });

  test("what each filter wants", () => {
    expect(wants("cmd", user("a"))).toBe(true);
    expect(wants("*=cmd", query("a"))).toBe(true);
    expect(wants("user=cmd", user("a"))).toBe(true);
    expect(wants("user=cmd", query("a"))).toBe(false);
    expect(wants("user:=cmd", user("a"))).toBe(true);
    expect(wants("user:a=cmd", user("a"))).toBe(true);
    expect(wants("user:a=cmd", user("ab"))).toBe(false);
    expect(wants("query:a=cmd", query("a"))).toBe(true);
    expect(wants("member-leave=cmd", join(["n"]))).toBe(false);
  });
});

describe("tag filters", () => {
  test("only members that match, wholly; all filters of an event, any of several events", () => {
    const event = join(["a", "web"], ["b", "webby"], ["c"], ["d", "db"]);
    const names = (spec: string) => {
      const part = wantedPart(parseHandlerSpec(spec), event);
      return part !== undefined && "members" in part ? part.members.map(({ name }) => name) : part;
    };
    expect(names("member-join[role=web]=cmd")).toEqual(["a"]);
    expect(names("member-join[role=web|db]=cmd")).toEqual(["a", "d"]);
    expect(names("member-join[role=]=cmd")).toEqual(["c"]);
    expect(names("member-join[role=w[a-e]+b][role=.*y]=cmd")).toBeUndefined();
    expect(names("member-join[role=w[a-f,=]+.*][role=.*y]=cmd")).toEqual(["b"]);
    expect(names("member-leave,member-join[role=db],member-join[role=web]=cmd")).toEqual(["a", "d"]);
    expect(names("member-join[role=db],member-join=cmd")).toEqual(["a", "b", "c", "d"]);
    expect(names("member-join[role=x\\]]=cmd")).toBeUndefined();
  });

  test("the command begins behind the filter", () => {
    expect(parseHandlerSpec("member-failed[a=b][c=d],user:x=run a=b").command).toBe("run a=b");
  });

  test.each([
    ["member-join[role]=x", "'[role]' in 'member-join[role]' is no tag filter; write [TAG=PATTERN]"],
    ["member-join[=web]=x", "is no tag filter"],
    ["member-join[role=web", "does not end"],
    ["member-join[role=web]", "or no command"],
    ["member-join[role=web]x=y", "'x' after a tag filter"],
    ["member-join[role=a)(b]=x", "'a)(b' in 'member-join[role=a)(b]' is no regular expression"],
    ["*[role=web]=x", "Event '*[role' invoking 'web]=x'"],
    ["member-bogus[role=web]=x", "Event 'member-bogus[role=web]' invoking 'x'"],
  ])("refused: %s", (text, message) => {
    expect(() => parseHandlerSpec(text)).toThrow(message);
  });
});

test("stats: Serf's keys, and all commands where Serf shows one", () => {
  const specs = ["a", "member-join,user=b", "user:deploy=c", "user:=d", "query:q,query:q=e"];
  expect(handlerStats(specs.map(parseHandlerSpec))).toEqual({
    "*:": "a",
    "member-join:": "b",
    "user:": "b, d",
    "user:deploy": "c",
    "query:q": "e",
  });
});
