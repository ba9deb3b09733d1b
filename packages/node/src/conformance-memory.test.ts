/** Keys, distances and snapshots over real sockets and files, the same for both kinds of node. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { until } from "./testing/fake-machine.ts";
import { at, eventsAt, Nodes, outcome, variants } from "./testing/variants.ts";

const folder = mkdtempSync(join(tmpdir(), "hearsay-node-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}`);

const key = (fill: number) => new Uint8Array(32).fill(fill);
const base64 = (fill: number) => Buffer.from(key(fill)).toString("base64");

describe.each(variants)("$where", (variant) => {
  const here = test.skipIf(variant.missing);
  const nodes = new Nodes(variant);
  afterEach(() => nodes.close());

  const pool: Nodes["pool"] = (names, options) => nodes.pool(names, options);

  here("keys change in the whole pool, and in the file", async () => {
    const path = freshPath();
    writeFileSync(path, JSON.stringify([base64(1)]));
    const [a, b] = await pool(["a", "b"], (name) => (name === "a" ? { keyringFile: path } : { keys: [key(1)] }));
    expect([a.stats().encrypted, b.stats().encrypted]).toEqual([true, true]);
    const all = { ok: true, error: "", nodes: 2, responses: 2, errors: 0, silent: [] };
    // Asked at once, they follow each other.
    const [installed, used] = await Promise.all([b.keys.install(base64(2)), b.keys.use(key(2))]);
    expect([installed, used]).toEqual([expect.objectContaining(all), expect.objectContaining(all)]);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual([base64(2), base64(1)]);
    expect(await a.keys.list()).toMatchObject({
      ...all,
      keys: { [base64(1)]: 2, [base64(2)]: 2 },
      primaryKeys: { [base64(2)]: 2 },
    });
    expect(await a.keys.remove(key(2))).toMatchObject({
      ok: false,
      error: "2/2 nodes reported failure",
      errors: 2,
      messages: { a: "removing the primary key is not allowed", b: "removing the primary key is not allowed" },
    });
    expect(await a.keys.remove(key(1))).toMatchObject(all);
    expect(readFileSync(path, "utf8")).toBe(`[\n  "${base64(2)}"\n]`);
    expect(await outcome(() => a.keys.install("secret!"))).toBe("BAD_KEY");
    expect(await b.keys.install(new Uint8Array(5))).toMatchObject({ error: "2/2 nodes reported failure", silent: [] });
    expect(await outcome(() => a.keys.list({ signal: AbortSignal.abort() }))).toBe("ABORTED");
    // Still one pool, and one that starts again reads what the file says now.
    const seen = eventsAt(b);
    await a.close();
    const again = await nodes.start("c", { keyringFile: path, seeds: [at(b)] });
    await until(() => again.member("b")?.status === "alive", "company");
    await again.userEvent("hello");
    await until(() => seen.length > 0, "the event");
  });

  here("without encryption there are no keys; a missing file is told at the start", async () => {
    const [a] = await pool(["a"]);
    expect(await a.keys.list()).toMatchObject({
      ok: false,
      nodes: 1,
      messages: { a: "Keyring is empty (encryption not enabled)" },
    });
    expect(a.stats().encrypted).toBe(false);
    expect(await outcome(() => nodes.start("b", { keyringFile: freshPath() }))).toBe("KEYRING_FILE");
    expect(await outcome(() => nodes.start("b", { snapshotPath: join(folder, "\u{1f}".repeat(300)) }))).toBe(
      "SNAPSHOT",
    );
  });

  here("distances are known of those that were probed", async () => {
    const [a, b] = await pool(["a", "b"]);
    await until(() => a.rtt("b") !== undefined && b.rtt("a", "b") !== undefined, "distances", 10_000);
    expect(a.rtt("b")).toBeGreaterThanOrEqual(0);
    expect(a.rtt("b")).toBeLessThan(1000);
    expect(a.rtt("a", "b")).toBe(a.rtt("b"));
    expect(a.coordinate()?.vec).toHaveLength(8);
    expect([a.rtt("nobody"), a.coordinate("nobody")]).toEqual([undefined, undefined]);
    expect(a.stats().coordinateResets).toBe(0);
    const c = await nodes.start("c", { seeds: [at(a)], coordinates: false });
    expect([c.coordinate(), c.rtt("a")]).toEqual([undefined, undefined]);
  });

  here("a snapshot brings a node back without seeds, and without what it has seen", async () => {
    const snapshotPath = freshPath();
    const [a, b] = await pool(["a", "b"], (name) => (name === "a" ? { snapshotPath } : {}));
    const seen = eventsAt(a);
    await b.userEvent("before");
    await until(() => seen.length === 1, "the event");
    await a.close();
    await b.userEvent("missed");
    const again = await nodes.start("a", { snapshotPath });
    const later = eventsAt(again);
    await until(() => again.member("b")?.status === "alive", "company");
    await until(() => later.length > 0, "what it missed");
    await b.userEvent("after");
    await until(() => later.length === 2, "what comes");
    expect(later).toEqual(["missed ", "after "]);
    // Nor is anything lost when the start takes long enough for the pool to tell it before anybody can listen.
    await again.close();
    await b.userEvent("missed too");
    const third = await nodes.start("a", { snapshotPath, seeds: [at(b)] });
    const last = eventsAt(third);
    await until(() => last.length > 0, "what it missed");
    expect(last).toEqual(["missed too "]);
    // After a goodbye nobody is remembered, and with seeds the past is past, as for a newcomer.
    await third.leave();
    const alone = await nodes.start("a", { snapshotPath });
    expect(alone.members().map(({ name }) => name)).toEqual(["a"]);
    await alone.close();
    const back = await nodes.start("a", { snapshotPath, seeds: [at(b)] });
    const fresh = eventsAt(back);
    await b.userEvent("new");
    await until(() => fresh.length > 0, "what comes");
    expect(fresh).toEqual(["new "]);
  });

  here("with rejoinAfterLeave also after a goodbye", async () => {
    const options = { snapshotPath: freshPath(), rejoinAfterLeave: true };
    const [a] = await pool(["a", "b"], (name) => (name === "a" ? options : {}));
    await a.leave();
    const again = await nodes.start("a", options);
    await until(() => again.member("b")?.status === "alive", "company");
  });
});
