/** The command line in this process, in front of an RPC server whose agent is a fake: what is typed and what is read. */
import { main } from "../src/cli/main.ts";
import type { Io } from "../src/cli/spec.ts";
import { RpcServer } from "../src/rpc/server.ts";
import { FakeHost } from "./fake-host.ts";
import { FakeNode, fakeMember } from "./fake-node.ts";

export interface Outcome {
  readonly code: number;
  /** Bytes as Latin-1 where the command wrote bytes. */
  readonly out: string;
  readonly err: string;
}

/** Members `n1`, the agent's own, and `n2` are alive, `n3` has failed. Queries take a hundredth of their time. */
export class CliStand implements AsyncDisposable {
  readonly node: FakeNode;
  readonly host: FakeHost;
  readonly #server: RpcServer;
  /** What the command under way has printed so far. */
  printed = "";

  private constructor(host: FakeHost, server: RpcServer) {
    this.host = host;
    this.node = host.node;
    this.#server = server;
  }

  static async open(): Promise<CliStand> {
    const node = new FakeNode(fakeMember("n1", { address: "10.0.0.1", tags: { role: "web" } }), [
      fakeMember("n2", { address: "10.0.0.2", tags: { role: "db" } }),
      fakeMember("n3", { address: "10.0.0.3", status: "failed" }),
    ]);
    node.timeScale = 0.01;
    const host = new FakeHost(node);
    return new CliStand(host, await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token: "sesame" }));
  }

  /** @param io more than a pipe: `columns` for a terminal */
  async run(argv: readonly string[], io: Partial<Io> = {}): Promise<Outcome> {
    this.printed = "";
    let err = "";
    const code = await main(argv, {
      out: (text) => {
        this.printed += text;
      },
      err: (text) => {
        err += text;
      },
      outBytes: (bytes) => {
        this.printed += Buffer.from(bytes).toString("latin1");
      },
      // As Serf's environment has it.
      env: { SERF_RPC_ADDR: `127.0.0.1:${this.#server.port}`, SERF_RPC_AUTH: "sesame", HEARSAY_RPC_ADDR: "" },
      ...io,
    });
    return { code, out: this.printed, err };
  }

  /** Of a command that works. */
  async ok(...argv: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run(argv);
    if (code !== 0 || err !== "") throw new Error(`${argv.join(" ")} ended with ${code}: ${err}`);
    return out;
  }

  /** The one line, and the exit code, of a command that does not. */
  async fails(...argv: readonly string[]): Promise<string> {
    const { code, err } = await this.run(argv);
    return `${code} ${err}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }
}
