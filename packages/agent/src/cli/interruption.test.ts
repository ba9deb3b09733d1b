/** Ctrl-C while the agent says nothing: commands that listen to it must not be deaf to it. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encode } from "../rpc/messages.ts";
import { main } from "./main.ts";

let server: Server;
let sockets: Socket[];
beforeEach(async () => {
  sockets = [];
  server = createServer((socket) => void sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

function run(...argv: readonly string[]) {
  let err = "";
  const { port } = server.address() as { port: number };
  const io = {
    out: () => {},
    err: (text: string) => {
      err += text;
    },
    env: { SERF_RPC_ADDR: `127.0.0.1:${port}` },
  };
  return main(argv, io).then((code) => ({ code, err }));
}

test.each([["query", "load"], ["reachability"], ["monitor"]])(
  "%s: while it connects, it ends the process",
  async (...argv) => {
    const running = run(...argv);
    await expect.poll(() => sockets.length).toBe(1);
    await once(sockets[0]!, "data");
    // Nobody has taken the signal from the system.
    expect(process.listenerCount("SIGINT")).toBe(0);
    sockets[0]!.destroy();
    expect((await running).code).toBe(1);
  },
);

test.each([
  [["query", "load"], { code: 130, err: "" }],
  [["reachability"], { code: 130, err: "Test interrupted\n" }],
  [["monitor"], { code: 0, err: "" }],
])("%j: while it waits for an answer", async (argv, outcome) => {
  const running = run(...argv);
  await expect.poll(() => sockets.length).toBe(1);
  const [socket] = sockets as [Socket];
  await once(socket, "data");
  socket.write(encode({ Error: "", Seq: 0 }));
  await once(socket, "data");
  process.emit("SIGINT");
  expect(await running).toEqual(outcome);
  expect(process.listenerCount("SIGINT")).toBe(0);
});
