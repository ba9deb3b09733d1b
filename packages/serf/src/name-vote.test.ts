import { describe, expect, it } from "vitest";
import { encodeMemberRecord } from "./encode.ts";
import { NameVote } from "./name-vote.ts";

const record = (addr: Uint8Array, port = 7946) =>
  encodeMemberRecord({
    name: "n1",
    addr,
    port,
    tags: {},
    status: 1,
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 5,
  });

const ours = record(Uint8Array.of(10, 0, 0, 1));
const oursMapped = record(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1));
const theirs = record(Uint8Array.of(10, 0, 0, 2));

function vote(...payloads: readonly Uint8Array[]) {
  let result: unknown;
  const counting = new NameVote("10.0.0.1", 7946, (responses, matching, keep) => {
    result = [responses, matching, keep];
  });
  for (const [i, payload] of payloads.entries()) counting.onResponse(`n${i}`, payload);
  counting.onDone();
  return result;
}

describe("a vote on our name (7.9)", () => {
  it.each([
    ["one for us", [ours], [1, 1, true]],
    ["one against", [theirs], [1, 0, false]],
    ["a tie", [ours, theirs], [2, 1, false]],
    ["two of three", [ours, theirs, ours], [3, 2, true]],
    ["one of three", [ours, theirs, theirs], [3, 1, false]],
    ["two of four", [ours, ours, theirs, theirs], [4, 2, false]],
    ["our address in its other form", [oursMapped], [1, 1, true]],
    ["our address at another port", [record(Uint8Array.of(10, 0, 0, 1), 7947)], [1, 0, false]],
    ["somebody who does not know the name", [encodeMemberRecord(null)], [1, 0, false]],
    ["silence, which with Serf stops both holders", [], [0, 0, true]],
    ["rubbish", [new Uint8Array(0), Uint8Array.of(6), Uint8Array.of(6, 0xc1), Uint8Array.of(8, 0x80)], [0, 0, true]],
  ])("with %s", (_, payloads, result) => {
    expect(vote(...payloads)).toEqual(result);
  });
});
