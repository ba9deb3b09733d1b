import { afterEach, expect, test } from "vitest";
import type { Memberlist, MemberlistDelegate, MemberlistOptions } from "./api.ts";
import { createMemberlist } from "./memberlist.ts";
import { until } from "./testing/fake-machine.ts";

const open: Memberlist[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()));
});

async function start(name: string, options: MemberlistOptions = {}): Promise<Memberlist> {
  const node = await createMemberlist({
    bind: "127.0.0.1:0",
    profile: "local",
    config: { probeIntervalMs: 200, probeTimeoutMs: 80, gossipIntervalMs: 20, suspicionMult: 2, settleIntervalMs: 100 },
    name,
    ...options,
  });
  open.push(node);
  return node;
}

const at = (node: Memberlist) => `${node.address}:${node.port}`;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** An application that keeps a set of words: passes on what is new, and exchanges the set. */
class Words implements MemberlistDelegate {
  readonly words = new Set<string>();
  node: Memberlist | undefined;
  onMessage(payload: Uint8Array): void {
    const word = text(payload);
    if (this.words.has(word)) return;
    this.words.add(word);
    if (payload.length < 1000) this.node?.broadcast(payload);
  }
  localState(): Uint8Array {
    return bytes([...this.words].join(" "));
  }
  mergeRemoteState(state: Uint8Array): void {
    for (const word of text(state).split(" ")) this.words.add(word);
  }
}

test("meta, messages, gossip and state", async () => {
  const apps = [new Words(), new Words(), new Words()];
  apps[0]!.words.add("old");
  const a = await start("a", { meta: bytes("A"), delegate: apps[0]!, delegateVersions: [1, 2, 2] });
  const b = await start("b", { seeds: [at(a)], delegate: apps[1]!, delegateVersions: [1, 3, 2] });
  const c = await start("c", { seeds: [at(a)], delegate: apps[2]!, delegateVersions: [1, 2, 1] });
  const nodes = [a, b, c];
  for (const [i, node] of nodes.entries()) apps[i]!.node = node;
  await until(() => nodes.every((node) => node.stats().alive === 3));
  expect(text(c.member("a")!.meta)).toBe("A");
  expect(c.member("b")).toMatchObject({ state: "alive", delegateMin: 1, delegateMax: 3, delegateCur: 2 });
  await until(() => apps[2]!.words.has("old"), "state by push/pull");
  b.broadcast(bytes("new"));
  await until(() => apps[0]!.words.has("new") && apps[2]!.words.has("new"), "gossip");
  a.send("c", bytes("straight"));
  a.send("c", bytes("x".repeat(100_000)), { reliable: true });
  await until(() => apps[2]!.words.has("straight") && apps[2]!.words.has("x".repeat(100_000)), "messages");
  await a.setMeta(bytes("A2"));
  await until(() => text(c.member("a")!.meta) === "A2");
  // A leaving node still passes on what it hears; one that has left is asked for nothing any more.
  const leaving = b.leave();
  b.broadcast(bytes("farewell"));
  b.send("a", bytes("goodbye"));
  await leaving;
  expect(() => b.broadcast(bytes("x"))).toThrow(expect.objectContaining({ code: "LEFT" }));
  await until(() => apps[0]!.words.has("goodbye") && apps[2]!.words.has("farewell"), "last words");
  await until(() => c.member("b")?.state === "left");
  expect(c.why("b")!.summary).toMatch(/^left at/);
});

test("what does not go is refused at once", async () => {
  const a = await start("a");
  expect(() => a.send("nobody", bytes("x"))).toThrow(expect.objectContaining({ code: "UNKNOWN_MEMBER" }));
  expect(() => a.broadcast(new Uint8Array(1400))).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
  expect(() => a.broadcast("text" as unknown as Uint8Array)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  await expect(a.setMeta(new Uint8Array(513))).rejects.toMatchObject({ code: "META_TOO_LARGE" });
  await expect(createMemberlist({ meta: new Uint8Array(513) })).rejects.toMatchObject({ code: "META_TOO_LARGE" });
  await expect(createMemberlist({ delegateVersions: [2, 1, 2] })).rejects.toMatchObject({ option: "delegateVersions" });
  a.broadcast(new Uint8Array(1390));
  await a.close();
  expect(() => a.broadcast(bytes("x"))).toThrow(expect.objectContaining({ code: "CLOSED" }));
});

test("a merge can be refused, and both sides know why", async () => {
  const a = await start("a", {
    delegate: { acceptMerge: (members) => (members.some(({ name }) => name === "b") ? "no b here" : undefined) },
  });
  const refused: string[] = [];
  a.on("merge-refused", ({ reason }) => refused.push(reason));
  const b = await start("b");
  await b.join([at(a)]);
  await until(() => refused.length > 0);
  expect(refused[0]).toBe("no b here");
  expect(a.stats().alive).toBe(1);
});

test("what a delegate asks for while the machine waits for its answer is refused; afterwards it is not", async () => {
  const codes = new Map<string, string>();
  const note = (what: string) => (error: { code: string }) => codes.set(what, error.code);
  const attempt = (what: string, act: () => void) => {
    try {
      act();
      codes.set(what, "went through");
    } catch (error) {
      note(what)(error as { code: string });
    }
  };
  let node: Memberlist | undefined;
  const a = await start("a", {
    delegate: {
      localState() {
        attempt("broadcast", () => node?.broadcast(bytes("x")));
        attempt("send", () => node?.send("a", bytes("x")));
        attempt("setHealthy", () => node?.setHealthy(true));
        return bytes(`${node?.members().length}`);
      },
      acceptMerge() {
        node?.setMeta(bytes("m")).catch(note("setMeta"));
        node?.leave().catch(note("leave"));
        return undefined;
      },
      mergeRemoteState: () => attempt("afterwards", () => node?.broadcast(bytes("fine"))),
    },
  });
  node = a;
  const words = new Words();
  const b = await start("b", { delegate: words });
  expect(await b.join([at(a)])).toEqual({ contacted: 1, failures: [] });
  await until(() => words.words.has("fine"));
  expect(words.words).toContain("1");
  const refused = ["broadcast", "send", "setHealthy", "setMeta", "leave"].map((what) => [what, "REENTRANT"]);
  expect(Object.fromEntries(codes)).toEqual({ ...Object.fromEntries(refused), afterwards: "went through" });
  expect(b.member("a")?.state).toBe("alive");
  await a.leave();
  await until(() => b.member("a")?.state === "left");
});
