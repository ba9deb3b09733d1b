/** Bodies of our own commands, changed at random: each is answered, or ends its connection; the server goes on. */
import { Rng } from "@hearsay/core";
import type { MsgpackInput } from "@hearsay/wire";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { Peer, request } from "../../test/peer.ts";
import { RpcClient } from "./client.ts";
import { encode } from "./messages.ts";
import { RpcServer } from "./server.ts";

const BODIES: readonly (readonly [string, MsgpackInput])[] = [
  ["state-get", { Shared: false, Member: "b", Key: "load" }],
  ["state-set", { Shared: true, Key: "k", Json: '{"a":[1,2,"x"]}', TtlMs: 2 ** 40 }],
  ["state-set", { Key: "k", Bytes: Uint8Array.of(0, 255, 128, 7) }],
  ["state-delete", { Shared: true, Key: "k" }],
  ["state-list", { Member: "b", Prefix: "l", AfterMember: "a", AfterKey: "load" }],
  ["state-watch", { Shared: true, Member: "", Prefix: "k", Initial: true }],
  ["counter-add", { Name: "hits", Amount: -(2 ** 53 - 1) }],
  ["counter-get", { Name: "hits" }],
  ["aggregate-set", { Name: "load", Value: 0.5, RoundMs: 1000, EpochRounds: 50 }],
  ["aggregate-get", { Name: "load" }],
  ["aggregate-unset", { Name: "load" }],
];

let node: FakeNode;
let server: RpcServer;
beforeEach(async () => {
  node = new FakeNode(fakeMember("a"), [fakeMember("b")]);
  node.writeAs("b", "load", 1);
  server = await RpcServer.listen(new FakeHost(node), { host: "127.0.0.1", port: 0 });
});
afterEach(() => server.close());

test("three thousand of them", async () => {
  const rng = new Rng(20);
  const outcomes = { answered: 0, closed: 0 };
  for (let i = 0; i < 3000; i++) {
    const [command, body] = BODIES[rng.below(BODIES.length)]!;
    const peer = await Peer.greeted(server.port);
    peer.socket.on("error", () => {});
    peer.send(request(command, 1)).socket.write(mutated(encode(body), rng));
    // Whatever is missing of the body is said to be missing for good.
    peer.socket.end();
    const header = await peer.header();
    outcomes[header === "closed" ? "closed" : "answered"]++;
    peer.socket.destroy();
  }
  expect(outcomes.answered).toBeGreaterThan(500);
  expect(outcomes.closed).toBeGreaterThan(500);
  await expect.poll(() => [server.connections, node.watchers]).toEqual([0, 0]);
  await using client = await RpcClient.connect({ host: "127.0.0.1", port: server.port });
  expect((await client.state.get("load", { member: "b" })).value).toBe(1);
});

test.each(BODIES)("%s: lists and maps as long as a request may be", async (command) => {
  const peer = await Peer.greeted(server.port);
  const began = performance.now();
  const deep = new Uint8Array(200_000).fill(0x91);
  peer.send(request(command, 1)).socket.write(deep);
  expect(await peer.header()).toBe("closed");
  const wide = await Peer.greeted(server.port);
  wide.send(request(command, 1), Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`field${i}`, [i]])));
  expect(await wide.header()).toMatchObject({ seq: 1 });
  expect(performance.now() - began).toBeLessThan(3000);
  wide.socket.destroy();
});

/** Some bytes other, away, or twice. */
function mutated(bytes: Uint8Array, rng: Rng): Uint8Array {
  const changed = [...bytes];
  for (let left = 1 + rng.below(4); left > 0; left--) {
    const at = rng.below(changed.length);
    const kind = rng.below(4);
    if (kind === 0) changed[at] = rng.below(256);
    else if (kind === 1) changed[at]! ^= 1 << rng.below(8);
    else if (kind === 2) changed.splice(at, 1 + rng.below(3));
    else changed.splice(at, 0, ...changed.slice(at, at + 1 + rng.below(8)));
    if (changed.length === 0) break;
  }
  return Uint8Array.from(changed);
}
