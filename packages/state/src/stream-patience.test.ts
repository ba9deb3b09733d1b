import { describe, expect, it } from "vitest";
import { StreamPatience } from "./stream-patience.ts";

const peer = (port: number) => ({ address: "10.0.0.1", port });
const passed = (patience: StreamPatience, port: number) => {
  let count = 0;
  while (!patience.allows(peer(port))) count++;
  return count;
};

describe("StreamPatience", () => {
  it("lets more occasions pass after each stream in vain, up to a limit, and none after one of use", () => {
    const patience = new StreamPatience();
    const counts = Array.from({ length: 7 }, () => {
      patience.note(peer(1), true);
      return passed(patience, 1);
    });
    expect(counts).toEqual([2, 4, 8, 16, 16, 16, 16]);
    expect(passed(patience, 2)).toBe(0);
    patience.note(peer(1), false);
    expect(passed(patience, 1)).toBe(0);
  });

  it("remembers so many peers and no more", () => {
    const patience = new StreamPatience();
    for (let port = 0; port < 1025; port++) patience.note(peer(port), true);
    expect(passed(patience, 0)).toBe(0);
    expect(passed(patience, 1)).toBe(2);
  });
});
