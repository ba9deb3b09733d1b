/** Five minutes with one direction of four links cut: `npm test -- --project long one-way`. */
import { describe, it } from "vitest";
import { canNetns, hasSerf } from "../harness.ts";
import { oneDirectionCut } from "../stories.ts";

describe.skipIf(!hasSerf || !canNetns)("five minutes", () => {
  it("indirect probes keep both ends of each cut link alive, on both implementations", () => oneDirectionCut(300_000));
});
