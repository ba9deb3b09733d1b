/**
 * A network in memory, in virtual time: any protocol machines, with packets and streams between them, latency, loss,
 * partitions and deaths, all from one seed. What pair and trio tests run on; no time passes while they do.
 *
 *   const network = new VirtualNetwork({ seed: 1 });
 *   const a = network.add(machineA, endpointA);
 *   network.act(a, (machine, now) => machine.join(endpointB, now));
 *   network.runUntil(() => a.machine.aliveCount === 2, 10_000);
 *
 * Streams are exchanged whole: bytes arrive in one piece after a round trip, or not at all. Bytes pass through the
 * machines' real codecs. Deterministic: the same seed and the same calls give the same history.
 */
import {
  type Endpoint,
  formatEndpoint,
  type Machine,
  Rng,
  type StreamFailure,
  type StreamRequest,
  type Transmit,
} from "@hearsay/core";

export interface VirtualNetworkOptions {
  readonly seed: number;
  /** One way, ms. Default 1. */
  readonly latencyMs?: number;
  /** Added at random on top of the latency, ms; packets overtake each other. Default 1. */
  readonly jitterMs?: number;
  /** Share of packets lost, 0 … 1; streams suffer none. Default 0. */
  readonly loss?: number;
}

/** One machine at one address. */
export class VirtualNode<M extends Machine<E>, E> {
  readonly machine: M;
  readonly endpoint: Endpoint;
  readonly key: string;
  /** What the machine reported, with the time. Tests may empty it. */
  readonly events: { readonly at: number; readonly event: E }[] = [];
  /** Called for each event after it was recorded, outside the machine: it may act. */
  onEvent: ((event: E, now: number) => void) | undefined;
  alive = true;
  packetsSent = 0;
  bytesSent = 0;
  largestPacket = 0;
  /** When the wake that counts is due. */
  wakeAt = Number.POSITIVE_INFINITY;
  /** Until then the process stands still: what comes in waits, what falls due is late. */
  stalledUntil = Number.NEGATIVE_INFINITY;

  constructor(machine: M, endpoint: Endpoint) {
    this.machine = machine;
    this.endpoint = endpoint;
    this.key = formatEndpoint(endpoint);
  }
}

/** Whether a packet or stream may go from one address to another at present. */
export type LinkRule = (from: string, to: string) => boolean;

interface Due {
  readonly at: number;
  readonly serial: number;
  readonly run: () => void;
}

export class VirtualNetwork<M extends Machine<E>, E> {
  /** Virtual ms. */
  now = 0;
  loss: number;
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  readonly #rng: Rng;
  readonly #nodes = new Map<string, VirtualNode<M, E>>();
  readonly #queue: Due[] = [];
  /** Packets are built here and copied out. */
  readonly #out: Transmit = { buffer: new Uint8Array(0), length: 0, to: { address: "", port: 0 } };
  #serial = 0;
  #rule: LinkRule = () => true;

  constructor(options: VirtualNetworkOptions) {
    this.#rng = new Rng(options.seed).fork("network");
    this.#latencyMs = options.latencyMs ?? 1;
    this.#jitterMs = options.jitterMs ?? 1;
    this.loss = options.loss ?? 0;
  }

  get nodes(): VirtualNode<M, E>[] {
    return [...this.#nodes.values()];
  }

  /** Puts a machine at an address, in place of a dead one if need be, and starts it. */
  add(machine: M, endpoint: Endpoint): VirtualNode<M, E> {
    const node = new VirtualNode<M, E>(machine, endpoint);
    if (this.#nodes.get(node.key)?.alive) throw new Error(`${node.key}: address in use`);
    this.#nodes.set(node.key, node);
    this.act(node, () => machine.start(this.now));
    return node;
  }

  /** A wish: calls the machine and drains it. */
  act<T>(node: VirtualNode<M, E>, wish: (machine: M, now: number) => T): T {
    const result = wish(node.machine, this.now);
    this.#drain(node);
    return result;
  }

  /** The machine stops without a word; what is under way to it is lost. */
  kill(node: VirtualNode<M, E>): void {
    node.alive = false;
  }

  /** The process stands still for so long, as with a blocked event loop; its socket buffers hold what comes. */
  stall(node: VirtualNode<M, E>, ms: number): void {
    node.stalledUntil = this.now + ms;
  }

  /** Only nodes in the same group reach each other. Those named in none reach nobody. */
  partition(...groups: readonly VirtualNode<M, E>[][]): void {
    const groupOf = new Map<string, number>();
    for (const [i, group] of groups.entries()) for (const node of group) groupOf.set(node.key, i);
    this.cut((from, to) => groupOf.has(from) && groupOf.get(from) === groupOf.get(to));
  }

  /** Any other shape of trouble: `rule` says what still gets through, by `address:port` of the two. */
  cut(rule: LinkRule): void {
    this.#rule = rule;
  }

  heal(): void {
    this.#rule = () => true;
  }

  /** Runs for so long. */
  run(ms: number): void {
    this.#runTo(this.now + ms, () => false);
  }

  /** Runs until `done` holds, at most so long. Returns the ms it took, or undefined. */
  runUntil(done: () => boolean, limitMs: number): number | undefined {
    const start = this.now;
    return this.#runTo(start + limitMs, done) ? this.now - start : undefined;
  }

  /** Goes on to the next thing that happens; false when nothing ever will. */
  step(): boolean {
    const due = this.#pop();
    if (!due) return false;
    this.now = Math.max(this.now, due.at);
    due.run();
    return true;
  }

  #runTo(end: number, done: () => boolean): boolean {
    if (done()) return true;
    while (this.#queue.length > 0 && this.#queue[0]!.at <= end) {
      this.step();
      if (done()) return true;
    }
    this.now = end;
    return false;
  }

  #drain(node: VirtualNode<M, E>): void {
    const { machine } = node;
    const out = this.#out;
    if (out.buffer.length < machine.codec.maxPacketBytes) out.buffer = new Uint8Array(machine.codec.maxPacketBytes);
    while (machine.pollTransmit(out)) this.#send(node, out.to, out.buffer.slice(0, out.length));
    for (let request = machine.pollStream(); request; request = machine.pollStream()) this.#open(node, request);
    for (let event = machine.pollEvent(); event !== undefined; event = machine.pollEvent()) {
      node.events.push({ at: this.now, event });
      node.onEvent?.(event, this.now);
    }
    const deadline = machine.nextDeadline();
    if (deadline === node.wakeAt) return;
    node.wakeAt = deadline;
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.#at(deadline, () => {
      this.#whenAwake(node, () => {
        if (node.wakeAt !== deadline) return;
        node.wakeAt = Number.NaN;
        machine.handleTimeout(this.now);
        this.#drain(node);
      });
    });
  }

  /** Now, or as soon as the process moves again; never if it is dead. */
  #whenAwake(node: VirtualNode<M, E>, run: () => void): void {
    if (!node.alive) return;
    if (this.now < node.stalledUntil) this.#at(node.stalledUntil, () => this.#whenAwake(node, run));
    else run();
  }

  #send(from: VirtualNode<M, E>, to: Endpoint, bytes: Uint8Array): void {
    from.packetsSent++;
    from.bytesSent += bytes.length;
    from.largestPacket = Math.max(from.largestPacket, bytes.length);
    const lost = this.#rng.float() < this.loss;
    const at = this.now + this.#delay();
    if (lost || !this.#rule(from.key, formatEndpoint(to))) return;
    this.#at(at, () => {
      const node = this.#nodes.get(formatEndpoint(to));
      if (!node) return;
      this.#whenAwake(node, () => {
        node.machine.handlePacket(from.endpoint, bytes, this.now);
        this.#drain(node);
      });
    });
  }

  /** Connect, write, have it handled, read the answer: each one way later, if the way is open at that moment. */
  #open(from: VirtualNode<M, E>, request: StreamRequest): void {
    const toKey = formatEndpoint(request.to);
    const open = () => this.#rule(from.key, toKey) && this.#rule(toKey, from.key);
    const fail = (at: number, reason: StreamFailure | undefined) => {
      this.#at(at, () => this.#whenAlive(from, () => from.machine.handleStreamEnd(request.id, reason, this.now)));
    };
    const timeout = this.now + request.timeoutMs;
    this.#at(this.now + 2 * this.#delay(), () => {
      if (!open()) return fail(timeout, "timeout");
      const to = this.#nodes.get(toKey);
      if (!to?.alive) return fail(this.now, "connect");
      this.#whenAlive(from, () => {
        const payload = from.machine.streamPayload(request.id, this.now);
        if (!payload) return;
        this.#at(this.now + this.#delay(), () => {
          if (!open() || !to.alive || this.now < to.stalledUntil) return fail(timeout, "timeout");
          const reply = this.#accept(from, to, payload);
          if (!request.reply) return fail(this.now, undefined);
          this.#at(this.now + this.#delay(), () => {
            if (!open()) return fail(timeout, "timeout");
            this.#whenAlive(from, () => this.#answer(from, request, reply));
          });
        });
      });
    });
  }

  #accept(from: VirtualNode<M, E>, to: VirtualNode<M, E>, payload: Uint8Array): Uint8Array | undefined {
    const reader = to.machine.codec.streamReader(true);
    const message = reader.push(payload) ?? reader.end();
    // The other end of a connection is some port, not the one that is listened on.
    const source = { address: from.endpoint.address, port: 50_000 };
    const reply =
      "error" in message && !("type" in message)
        ? to.machine.handleStreamRequestError(source, message.error, this.now)
        : to.machine.handleStreamRequest(source, message, this.now);
    this.#drain(to);
    return reply.bytes;
  }

  #answer(from: VirtualNode<M, E>, request: StreamRequest, reply: Uint8Array | undefined): void {
    const { machine } = from;
    if (!reply) {
      machine.handleStreamEnd(request.id, "closed", this.now);
      return;
    }
    const reader = machine.codec.streamReader(false);
    const message = reader.push(reply) ?? reader.end();
    if ("error" in message && !("type" in message)) machine.handleStreamEnd(request.id, message.error, this.now);
    else machine.handleStreamReply(request.id, message, this.now);
  }

  #whenAlive(node: VirtualNode<M, E>, run: () => void): void {
    if (!node.alive) return;
    run();
    this.#drain(node);
  }

  #delay(): number {
    return this.#latencyMs + this.#rng.float() * this.#jitterMs;
  }

  // A binary heap, by time and then by order of arrival.

  #at(at: number, run: () => void): void {
    const queue = this.#queue;
    let i = queue.push({ at, serial: ++this.#serial, run }) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(queue[i]!, queue[parent]!)) return;
      swap(queue, i, parent);
      i = parent;
    }
  }

  #pop(): Due | undefined {
    const queue = this.#queue;
    const first = queue[0];
    const last = queue.pop();
    if (!first || !last || queue.length === 0) return first;
    queue[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      if (left >= queue.length) return first;
      const child = right < queue.length && before(queue[right]!, queue[left]!) ? right : left;
      if (!before(queue[child]!, queue[i]!)) return first;
      swap(queue, i, child);
      i = child;
    }
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.serial < b.serial);
}

function swap(queue: Due[], a: number, b: number): void {
  const kept = queue[a]!;
  queue[a] = queue[b]!;
  queue[b] = kept;
}
