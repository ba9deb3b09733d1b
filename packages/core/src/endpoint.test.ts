import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressBytes, addressText, formatEndpoint } from "./endpoint.ts";

describe("addresses", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8::A", "2001:db8::a"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
    ["fe80::1:0:0", "fe80::1:0:0"],
  ])("%s reads back as %s", (text, canonical) => {
    expect(addressText(addressBytes(text)!)).toBe(canonical);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.04",
    "1.2.3.4.5",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "fe80::1%eth0",
    "g::",
  ])("%j is no address", (text) => expect(addressBytes(text)).toBeUndefined());

  it("agrees with the system about every IPv6 address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const bytes = addressBytes(text);
        expect(bytes !== undefined).toBe(isIP(text) === 6);
        const back = addressText(bytes!);
        expect(isIP(back)).not.toBe(0);
        if (isIP(back) === 6) expect(addressBytes(back)).toEqual(bytes);
      }),
    );
  });

  it("puts IPv6 into brackets before a port", () => {
    expect(formatEndpoint({ address: "::1", port: 7946 })).toBe("[::1]:7946");
    expect(formatEndpoint({ address: "1.2.3.4", port: 1 })).toBe("1.2.3.4:1");
  });
});
