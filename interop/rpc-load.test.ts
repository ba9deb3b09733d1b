/**
 * Clients of the RPC that are wrong, greedy, many or asleep: each gets its answer or its end, and the agent's gossip does
 * not notice. Real processes: the memory looked at is the agent's.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RpcClient } from "../packages/agent/src/rpc/client.ts";
import { encode } from "../packages/agent/src/rpc/messages.ts";
import { ValueSplitter } from "../packages/agent/src/rpc/value-splitter.ts";
import { type MsgpackInput, Reader } from "../packages/wire/src/index.ts";
import { type Agent, all, hasSerf, Pool, untilAllSee } from "./harness.ts";

const token = "let me in";

/** A client that says what it likes. */
class Raw {
  readonly #socket: Socket;
  readonly #splitter = new ValueSplitter(1 << 20);
  readonly #chunks: AsyncIterator<Buffer>;
  constructor(agent: Agent) {
    const [host, port] = agent.rpc.split(":");
    this.#socket = connect(Number(port), host);
    this.#socket.on("error", () => {});
    this.#chunks = this.#socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }
  say(...values: readonly MsgpackInput[]): this {
    this.#socket.write(encode(...values));
    return this;
  }
  write(bytes: Uint8Array): this {
    this.#socket.write(bytes);
    return this;
  }
  /** The next value, or "closed". */
  async hear(): Promise<unknown> {
    for (;;) {
      const bytes = this.#splitter.next();
      if (bytes !== undefined) return plain(new Reader(bytes).value());
      const { value, done } = await this.#chunks.next().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) return "closed";
      this.#splitter.push(value);
    }
  }
  /** Reads nothing from now on. */
  sleep(): void {
    this.#socket.pause();
  }
  end(): void {
    this.#socket.destroy();
  }
}

function plain(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

const greet = [{ Command: "handshake", Seq: 0 }, { Version: 1 }] as const;
const authenticate = [{ Command: "auth", Seq: 1 }, { AuthKey: token }] as const;

function residentMiB(agent: Agent): number {
  const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

describe.skipIf(!hasSerf)("an agent of ours and the clients it gets", () => {
  const pool = new Pool("load");
  let agent: Agent;
  let witness: Agent;
  const client = () => {
    const [host, port] = agent.rpc.split(":");
    return RpcClient.connect({ host: host!, port: Number(port), token });
  };
  const accepted = async () => {
    const raw = new Raw(agent).say(...greet, ...authenticate);
    expect(await raw.hear()).toEqual({ Error: "", Seq: 0 });
    expect(await raw.hear()).toEqual({ Error: "", Seq: 1 });
    return raw;
  };

  beforeAll(async () => {
    witness = await pool.hearsay();
    agent = await pool.hearsay({ join: witness, token });
    await untilAllSee([witness], all([witness, agent]), 30_000);
  }, 60_000);
  afterAll(() => pool[Symbol.asyncDispose]());

  it("wrong ones are told what is wrong", async () => {
    const early = new Raw(agent).say({ Command: "members", Seq: 7 });
    expect(await early.hear()).toEqual({ Error: "Handshake required", Seq: 7 });
    expect(await early.hear()).toBe("closed");

    const stranger = new Raw(agent).say(...greet, { Command: "members", Seq: 2 });
    expect(await stranger.hear()).toEqual({ Error: "", Seq: 0 });
    expect(await stranger.hear()).toEqual({ Error: "Authentication required", Seq: 2 });
    stranger.say({ Command: "auth", Seq: 3 }, { AuthKey: "guess" });
    expect(await stranger.hear()).toEqual({ Error: "Invalid authentication token", Seq: 3 });
    stranger.end();

    const odd = await accepted();
    odd.say({ Command: "dance", Seq: 9 });
    expect(await odd.hear()).toEqual({ Error: "Unsupported command", Seq: 9 });
    expect(await odd.hear()).toBe("closed");

    const sizes = await accepted();
    sizes.say({ Command: "event", Seq: 2 }, { Name: "big", Payload: new Uint8Array(600) });
    expect(await sizes.hear()).toEqual({
      Error: "user event exceeds configured limit of 512 bytes before encoding",
      Seq: 2,
    });
    sizes.say({ Command: "query", Seq: 3 }, { Name: "big", Payload: new Uint8Array(2000) });
    expect(await sizes.hear()).toEqual({ Error: "query exceeds limit of 1024 bytes", Seq: 3 });
    sizes.say({ Command: "respond", Seq: 4 }, { ID: 99, Payload: new Uint8Array(3) });
    expect(await sizes.hear()).toEqual({ Error: "No pending queries matching ID", Seq: 4 });
    sizes.end();

    const skipped = new Raw(agent).say(...greet);
    await skipped.hear();
    skipped.write(encode({ Command: "members" }));
    expect(await skipped.hear()).toBe("closed");
  });

  it("two hundred at once, sleepers among them, and the gossip goes on", async () => {
    const before = residentMiB(agent);
    const sleepers: Raw[] = [];
    for (let i = 0; i < 20; i++) {
      const raw = await accepted();
      raw.say({ Command: "stream", Seq: 2 }, { Type: "*" }, { Command: "monitor", Seq: 3 }, { LogLevel: "TRACE" });
      raw.sleep();
      sleepers.push(raw);
    }
    const clients = await Promise.all(Array.from({ length: 180 }, client));
    const work = clients.map(async (one, i) => {
      for (let round = 0; round < 20; round++) {
        const list = await one.members();
        expect(list).toHaveLength(2);
        await one.event(`load-${i % 7}`, new Uint8Array(300), { coalesce: false });
      }
    });
    await Promise.all(work);
    const stats = await clients[0]!.stats();
    for (const one of clients) await one.close();
    const after = residentMiB(agent);

    // 3,600 events of 300 bytes went to twenty streams that nobody reads: bounded queues, not their sum.
    expect(after - before).toBeLessThan(120);
    expect(stats.serf!.health_score).toBe("0");
    expect(Number(stats.serf!.members)).toBe(2);
    for (const one of [agent, witness]) {
      expect(one.output).not.toMatch(/suspected to have failed|EventMemberFailed/);
    }
    for (const raw of sleepers) raw.end();
    // And it still answers.
    await using last = await client();
    expect(await last.members()).toHaveLength(2);
  }, 60_000);
});
