import { expect, test } from "vitest";
import { decodeBase64 } from "./base64.ts";

// Answers of a Serf 0.9.4 agent to `install-key` with each text.
test.each([
  ["not base64!", 3],
  ["AAE", 0],
  ["AAEC=", 4],
  ["AAEC====", 4],
  ["A===", 1],
  ["AA==A", 4],
  ["AA=", 3],
  ["AAEC AAEC", 4],
  ["A", 0],
  ["AB", 0],
  ["AAECAwQFBgcICQoLDA0ODw==x", 24],
  ["é", 0],
  ["A\n", 1],
  ["AAECA!", 5],
])("%j stops at byte %d, as Serf says", (text, at) => {
  expect(decodeBase64(text)).toBe(`illegal base64 data at input byte ${at}`);
});

test.each([
  ["", []],
  ["AAEC", [0, 1, 2]],
  ["AAEC\n", [0, 1, 2]],
  ["AAEC\nAAEC", [0, 1, 2, 0, 1, 2]],
  ["AB==", [0]],
  ["AAE=\r\n", [0, 1]],
  ["AA=\n=", [0]],
])("%j is taken", (text, bytes) => {
  expect(decodeBase64(text)).toEqual(Uint8Array.from(bytes));
});

test("every length, against Node's own", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length) & 0xff);
    expect(decodeBase64(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
  }
});
