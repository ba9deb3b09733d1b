/** Serf's RPC over TCP: listens, counts its clients, hands each to a Session, and tells all of them what happens. */
import { createServer, type Server, type Socket } from "node:net";
import type { AgentEvent } from "../agent/agent-event.ts";
import { eventBody } from "./event-messages.ts";
import type { RpcHost } from "./host.ts";
import type { EncodedBody } from "./messages.ts";
import { type OpenCounts, Session } from "./session.ts";

export interface RpcServerOptions {
  /** IP address or name of this machine. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Clients must bring this token; empty or missing: none is asked for. */
  readonly token?: string;
  /** Clients at the same time; more are turned away. Default 256. */
  readonly maxConnections?: number;
}

/** ms of silence after which the kernel asks whether a client is still there. Go's, and so Serf's, number. */
const PROBE_MS = 15_000;
/** ms that a client gets to take its last answer, when the connection is ended by us. */
const FAREWELL_MS = 2000;

export class RpcServer implements AsyncDisposable {
  /** Where it listens; the real port where 0 was asked for. */
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  readonly #sessions = new Map<Socket, Session>();
  readonly #counts: OpenCounts = { queries: { open: 0 }, watches: { open: 0 } };
  readonly #unfollow: () => void;

  private constructor(server: Server, host: RpcHost) {
    this.#server = server;
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new TypeError("the RPC server listens on TCP");
    this.address = bound.address;
    this.port = bound.port;
    this.#unfollow = host.follow((event) => this.#tell(event));
  }

  /** Rejects with the system's error (`EADDRINUSE`, …) when the address cannot be had. */
  static async listen(host: RpcHost, options: RpcServerOptions): Promise<RpcServer> {
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_MS,
    });
    server.maxConnections = options.maxConnections ?? 256;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    const rpc = new RpcServer(server, host);
    server.on("connection", (socket) => rpc.#accept(socket, host, options.token ?? ""));
    server.on("drop", () =>
      host.log.warn({ component: "agent.ipc" }, "a client was turned away: too many connections"),
    );
    server.on("error", (error) => host.log.error({ component: "agent.ipc" }, `accepting clients: ${error.message}`));
    return rpc;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  #accept(socket: Socket, host: RpcHost, token: string): void {
    const session = new Session(socket, host, token, this.#counts);
    this.#sessions.set(socket, session);
    host.log.debug({ component: "agent.ipc" }, `Accepted client: ${session.peer}`);
    // Failures end the session's reading; there is nobody else to tell.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sessions.delete(socket));
    void session.run().then(() => {
      if (socket.destroyed) return;
      const timer = setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
      socket.on("close", () => clearTimeout(timer));
    });
  }

  #tell(event: AgentEvent): void {
    // However many follow it, it is encoded once, and only if somebody wants it.
    let encoded: EncodedBody | undefined;
    const body = () => {
      if (event.kind === "query") throw new TypeError("a query has a body for each stream");
      encoded ??= eventBody(event);
      return encoded;
    };
    for (const session of this.#sessions.values()) session.streams.tell(event, body);
  }

  /** Stops listening and ends all connections; answers already handed over still go out, and are read. */
  async close(): Promise<void> {
    this.#unfollow();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, session] of this.#sessions) {
      session.queries.clear();
      session.watches.clear();
      if (session.lingering) continue;
      if (socket.writableLength === 0) socket.destroy();
      else socket.end(() => socket.destroy());
    }
    const timer = setTimeout(() => {
      for (const socket of this.#sessions.keys()) socket.destroy();
    }, FAREWELL_MS);
    await closed;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
