import { expect, test } from "vitest";
import type { EvidenceRecord } from "../rpc/why.ts";
import { evidenceText } from "./evidence-text.ts";

const record = (type: string, details: EvidenceRecord["details"]): EvidenceRecord => ({
  type,
  details,
  time: new Date(0),
  incarnation: 1,
});

test.each([
  ["joined", "web-1", "it joined (told by web-1)"],
  ["joined", "", "it joined"],
  ["alive", "", "it is alive"],
  ["refuted", "", "it refuted the suspicion"],
  ["left", "", "it left"],
])("%s, told by %j", (type, from, text) => {
  expect(evidenceText(record(type, { from }))).toBe(text);
});

test("evidence of a newer agent is shown as it is", () => {
  expect(evidenceText(record("sneezed", { times: 2 }))).toBe("sneezed times=2");
});
