/**
 * Streams between nodes, as far as a machine can tell: connecting takes a round trip, bytes arrive whole, an address
 * without a process refuses, a host that is down or a way that is cut says nothing until the time is over.
 */
import type { Endpoint, Machine, StreamFailure, StreamMessage, StreamRequest } from "@hearsay/core";
import type { Digest } from "./digest.ts";
import type { Network } from "./network.ts";
import type { Ledger, SimNode } from "./sim-node.ts";

export interface StreamsHost<M extends Machine<E>, E> {
  now(): number;
  readonly network: Network;
  readonly digest: Digest | undefined;
  readonly ledger: Ledger;
  find(to: Endpoint): SimNode<M, E> | undefined;
  at(time: number, run: () => void): void;
  tell<T>(node: SimNode<M, E>, wish: (machine: M, now: number) => T): T;
}

/** The port that a connection comes from: never the one that is listened on. */
const ephemeralPort = 50_000;

export class Streams<M extends Machine<E>, E> {
  readonly #host: StreamsHost<M, E>;

  constructor(host: StreamsHost<M, E>) {
    this.#host = host;
  }

  open(from: SimNode<M, E>, request: StreamRequest): void {
    this.#host.ledger.streamOpened(from.index);
    new Connection(this.#host, from, request).connect();
  }
}

class Connection<M extends Machine<E>, E> {
  readonly #host: StreamsHost<M, E>;
  readonly #from: SimNode<M, E>;
  readonly #request: StreamRequest;
  readonly #generation: number;
  #settled = false;

  constructor(host: StreamsHost<M, E>, from: SimNode<M, E>, request: StreamRequest) {
    this.#host = host;
    this.#from = from;
    this.#request = request;
    this.#generation = from.generation;
  }

  connect(): void {
    const start = this.#now;
    this.#giveUpAt(start + this.#request.timeoutMs, () => this.#connecting);
    const to = this.#host.find(this.#request.to);
    // Nobody was ever there: as a host that is down.
    if (to === undefined) return;
    this.#after(this.#delay(this.#from, to, 0), () => {
      if (!to.hostUp) return;
      const back = this.#delay(to, this.#from, 0);
      if (!to.alive) this.#after(back, () => this.#end("refused"));
      else this.#after(back, () => this.#whenFree(this.#from, () => this.#write(to)));
    });
  }

  #connecting = true;

  #write(to: SimNode<M, E>): void {
    this.#connecting = false;
    const { id, timeoutMs, kind } = this.#request;
    const payload = this.#host.tell(this.#from, (machine, now) => machine.streamPayload(id, now));
    if (payload === undefined) {
      this.#settled = true;
      return;
    }
    // A ping has its time once, for all of it; then the first alarm is the one that counts.
    if (kind === "ping") this.#connecting = true;
    else this.#giveUpAt(this.#now + timeoutMs, () => true);
    this.#count(this.#from, to, payload.length);
    const { generation } = to;
    const delay = this.#delay(this.#from, to, payload.length);
    if (delay === Number.POSITIVE_INFINITY) return;
    this.#host.at(this.#now + delay, () => this.#arrive(to, generation, payload));
  }

  /** What has been written arrives, whatever becomes of the writer meanwhile. */
  #arrive(to: SimNode<M, E>, generation: number, payload: Uint8Array): void {
    if (!to.alive || to.generation !== generation) {
      // The process that we were connected to is gone; its host says so, unless it went too.
      if (to.hostUp) this.#after(this.#delay(to, this.#from, 0), () => this.#end("closed"));
      return;
    }
    const until = Math.max(to.stalledUntil, to.blockedUntil);
    if (until > this.#now) this.#host.at(until, () => this.#arrive(to, generation, payload));
    else this.#serve(to, payload);
  }

  #serve(to: SimNode<M, E>, payload: Uint8Array): void {
    const answer = this.#accept(to, payload);
    if (!this.#request.reply) {
      this.#end(undefined);
      return;
    }
    const bytes = answer?.length ?? 0;
    this.#count(to, this.#from, bytes);
    this.#after(this.#delay(to, this.#from, bytes), () => {
      this.#whenFree(this.#from, () => this.#answered(answer));
    });
  }

  #accept(to: SimNode<M, E>, payload: Uint8Array): Uint8Array | undefined {
    const source: Endpoint = { address: this.#from.endpoint.address, port: ephemeralPort };
    return this.#host.tell(to, (machine, now) => {
      const message = read(machine, payload, true);
      const reply = isError(message)
        ? machine.handleStreamRequestError(source, message.error, now)
        : machine.handleStreamRequest(source, message, now);
      return reply.bytes;
    });
  }

  #answered(answer: Uint8Array | undefined): void {
    const message = answer === undefined ? undefined : read(this.#from.machine, answer, false);
    if (message === undefined) this.#end("closed");
    else if (isError(message)) this.#end(message.error);
    else if (this.#settle()) {
      this.#host.tell(this.#from, (machine, now) => machine.handleStreamReply(this.#request.id, message, now));
    }
  }

  #end(reason: StreamFailure | undefined): void {
    this.#whenFree(this.#from, () => {
      if (!this.#settle()) return;
      this.#host.tell(this.#from, (machine, now) => machine.handleStreamEnd(this.#request.id, reason, now));
    });
  }

  /** False when it was over already, or the process that asked is gone. */
  #settle(): boolean {
    if (this.#settled || !this.#from.alive || this.#from.generation !== this.#generation) return false;
    this.#settled = true;
    return true;
  }

  #giveUpAt(time: number, stillCounts: () => boolean): void {
    this.#host.at(time, () => {
      if (stillCounts()) this.#end("timeout");
    });
  }

  /** Now, or as soon as the process moves again and takes messages; never if it is gone. */
  #whenFree(node: SimNode<M, E>, run: () => void): void {
    if (this.#settled || !node.alive) return;
    const until = Math.max(node.stalledUntil, node.blockedUntil);
    if (until > this.#now) this.#host.at(until, () => this.#whenFree(node, run));
    else run();
  }

  #after(delayMs: number, run: () => void): void {
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#host.at(this.#now + delayMs, () => {
      if (!this.#settled && this.#from.alive && this.#from.generation === this.#generation) run();
    });
  }

  #delay(from: SimNode<M, E>, to: SimNode<M, E>, bytes: number): number {
    return this.#host.network.streamDelay(from, to, bytes, this.#now);
  }

  #count(from: SimNode<M, E>, to: SimNode<M, E>, bytes: number): void {
    this.#host.ledger.streamSent(from.index, bytes);
    this.#host.digest?.stream(this.#now, from.index, to.index, bytes);
  }

  get #now(): number {
    return this.#host.now();
  }
}

function read(machine: Machine<unknown>, bytes: Uint8Array, acceptor: boolean) {
  const reader = machine.codec.streamReader(acceptor);
  return reader.push(bytes) ?? reader.end();
}

type Read = ReturnType<typeof read>;

function isError(message: Read): message is Exclude<Read, StreamMessage> {
  return !("type" in message);
}
