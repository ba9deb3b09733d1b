import fc from "fast-check";
import { expect, it } from "vitest";
import { toBase64 } from "./base64.ts";

it("writes bytes of any length as everybody else does", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
    }),
    { numRuns: 300 },
  );
});
