import { type Endpoint, formatEndpoint, Rng } from "@hearsay/core";
import { Reader } from "@hearsay/wire";
import { describe, expect, it } from "vitest";
import { Answerable, maxAnswerable } from "./answerable.ts";
import { readQueryResponse } from "./decode.ts";
import { Peers } from "./peers.ts";
import { Responses } from "./responses.ts";

const query = {
  lTime: 3,
  id: 9,
  addr: Uint8Array.of(10, 0, 0, 9),
  port: 7946,
  sourceNode: "n9",
  relayFactor: 0,
};

function bench(limit = 1024) {
  const sent: { to: string; message: Uint8Array }[] = [];
  const peers = new Peers({ all: () => [], find: () => undefined });
  const responses = new Responses("n1", new Rng(1), limit, peers, {
    send: (to: Endpoint, message) => sent.push({ to: formatEndpoint(to), message }),
    memberCount: () => 1,
    isPresent: () => true,
    maxMessageBytes: () => 1395,
    maxDirectBytes: () => 4000,
    onDrop: () => {},
  });
  return { sent, answerable: new Answerable(responses) };
}

const outcome = (act: () => void) => {
  try {
    act();
    return "sent";
  } catch (error) {
    return [(error as { code: string }).code, (error as Error).message];
  }
};

describe("a query that was delivered (9.4)", () => {
  it("is answered once, at its address", () => {
    const { answerable, sent } = bench();
    answerable.add(query, 1000, 0);
    expect(outcome(() => answerable.respond(3, 9, Uint8Array.of(1), 1000))).toBe("sent");
    expect(outcome(() => answerable.respond(3, 9, Uint8Array.of(2), 1000))).toEqual([
      "response-sent",
      "response already sent",
    ]);
    expect(sent.map(({ to }) => to)).toEqual(["10.0.0.9:7946"]);
    expect(readQueryResponse(new Reader(sent[0]!.message, 1))).toEqual({
      lTime: 3,
      id: 9,
      from: "n1",
      flags: 0,
      payload: Uint8Array.of(1),
    });
  });

  it("is not answered late, nor when it is not known", () => {
    const { answerable, sent } = bench();
    answerable.add(query, 1000, 0);
    const late = ["response-late", "response is past the deadline"];
    expect(outcome(() => answerable.respond(3, 9, Uint8Array.of(1), 1001))).toEqual(late);
    expect(outcome(() => answerable.respond(3, 8, Uint8Array.of(1), 0))).toEqual(late);
    expect(outcome(() => answerable.respond(4, 9, Uint8Array.of(1), 0))).toEqual(late);
    expect(sent).toEqual([]);
  });

  it("can still be answered after an answer that was too long, of which the limit counts all", () => {
    const { answerable, sent } = bench(200);
    answerable.add(query, 1000, 0);
    const tooLong = ["response-too-long", "response exceeds limit of 200 bytes"];
    let length = 200;
    while (outcome(() => answerable.respond(3, 9, new Uint8Array(length), 0)) !== "sent") {
      expect(outcome(() => answerable.respond(3, 9, new Uint8Array(length), 0))).toEqual(tooLong);
      length--;
    }
    expect(sent[0]!.message).toHaveLength(200);
    // Serf's order: too long comes before all else.
    expect(outcome(() => answerable.respond(3, 9, new Uint8Array(300), 2000))).toEqual(tooLong);
    expect(outcome(() => answerable.respond(3, 9, new Uint8Array(3), 2000))[0]).toBe("response-sent");
  });

  it("is kept apart from the bytes it came in", () => {
    const { answerable, sent } = bench();
    const addr = query.addr.slice();
    answerable.add({ ...query, addr }, 1000, 0);
    addr.fill(0);
    answerable.respond(3, 9, Uint8Array.of(1), 0);
    expect(sent[0]!.to).toBe("10.0.0.9:7946");
  });

  it("is one of a bounded number, of which the oldest go first", () => {
    const { answerable } = bench();
    for (let id = 0; id < 3 * maxAnswerable; id++) {
      answerable.add({ ...query, id }, 1000, 0);
      if (answerable.length > maxAnswerable) expect.unreachable();
    }
    expect(answerable.length).toBeGreaterThan(maxAnswerable / 2);
    expect(outcome(() => answerable.respond(3, 3 * maxAnswerable - 1, new Uint8Array(1), 0))).toBe("sent");
    expect(outcome(() => answerable.respond(3, 0, new Uint8Array(1), 0))[0]).toBe("response-late");
  });

  it("is forgotten after its deadline", () => {
    const { answerable } = bench();
    for (let id = 0; id < 1000; id++) answerable.add({ ...query, id }, id + 10, id);
    expect(answerable.length).toBeLessThan(200);
  });
});
