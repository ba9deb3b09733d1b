/** Ten idle minutes of ten serf agents and ten of ours: `npm test -- --project long idle`. */
import { describe, it } from "vitest";
import { hasSerf } from "../harness.ts";
import { idlePool } from "../stories.ts";

describe.skipIf(!hasSerf)("ten minutes", () => {
  it("a mixed pool of twenty has not one member event after the joins", () => idlePool(10, 600_000));
});
