import { expect, test } from "vitest";
import { EventFilter, MAX_FILTER_LENGTH } from "./event-filter.ts";

const wanted = (filter: string, kind: Parameters<EventFilter["wants"]>[0], name?: string) =>
  EventFilter.parse(filter)?.wants(kind, name);

test.each([
  ["", "member-join", "", true],
  ["*", "query", "x", true],
  ["member-join,member-failed", "member-failed", "", true],
  ["member-join,member-failed", "member-leave", "", false],
  ["user", "user", "x", true],
  ["user:", "user", "x", true],
  ["user:deploy", "user", "deploy", true],
  ["user:deploy", "user", "deploys", false],
  ["user:deploy", "query", "deploy", false],
  ["query:load,user", "query", "load", true],
  ["query:a:b", "query", "a:b", true],
  ["user:deploy,*", "user", "other", true],
  ["user:member-join", "member-join", "", false],
] as const)("%j and %s %j: %s", (filter, kind, name, yes) => {
  expect(wanted(filter, kind, name)).toBe(yes);
});

test.each(["nonesuch", " user", "user,", "Member-join", "member-join:x", `user:${"x".repeat(MAX_FILTER_LENGTH)}`])(
  "%.20s is no filter",
  (text) => {
    expect(EventFilter.parse(text)).toBeUndefined();
  },
);
