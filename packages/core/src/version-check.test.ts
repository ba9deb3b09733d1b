import { expect, it } from "vitest";
import { memberlistVectors } from "./testing/vectors.ts";
import { checkVersions, type VersionedMember } from "./version-check.ts";

interface VerifyVector {
  readonly name: string;
  readonly inputs: { readonly local: VersionedMember[]; readonly remote: VersionedMember[] };
  readonly expect: { readonly ok: boolean };
}

for (const vector of memberlistVectors<VerifyVector>("verify")) {
  it(vector.name, () => {
    const problem = checkVersions(vector.inputs.local, vector.inputs.remote);
    expect(problem === undefined).toBe(vector.expect.ok);
    if (problem !== undefined) expect(problem).not.toContain("\n");
  });
}
