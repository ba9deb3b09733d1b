import { expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { RpcServer } from "../rpc/server.ts";
import { main } from "./main.ts";
import { parseRpcAddress } from "./rpc-connection.ts";

test.each([
  ["10.0.0.1:7000", "10.0.0.1", 7000],
  ["agent.example", "agent.example", 7373],
  ["[fd00::1]:7000", "fd00::1", 7000],
  ["[fd00::1]", "fd00::1", 7373],
  // As Go has it: this machine, or to listen at, all its addresses.
  [":7000", "", 7000],
])("%s", (text, host, port) => expect(parseRpcAddress(text)).toEqual({ host, port }));

test.each(["", ":", "a:b", "::1", "[]:1", "a:70000", "a:1:2"])("%j is refused", (text) => {
  expect(() => parseRpcAddress(text)).toThrow(`"${text}" is no address; write HOST:PORT`);
});

test("a port alone, at both ends", async () => {
  const host = new FakeHost(new FakeNode(fakeMember("n1")));
  await using server = await RpcServer.listen(host, parseRpcAddress(":0"));
  let out = "";
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (out += text), env: {} };
  expect([await main(["members", `-rpc-addr=:${server.port}`], io), out]).toEqual([0, "n1  127.0.0.1:7946  alive\n"]);
});
