/**
 * Watches of replicated state that one connection has open: each sends its changes as they come, in the client's own time.
 * While a client does not read, its changes wait in the node's buffer, which is bounded, drops the oldest and counts them;
 * the next change tells how many.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SharedChange, StateChange, Watched } from "@hearsay/node";
import type { MsgpackInput } from "@hearsay/wire";
import type { Answer } from "./commands.ts";
import { encode } from "./messages.ts";
import type { Outlet } from "./outlet.ts";
import { stateChangeBody, WATCH_DONE } from "./state-messages.ts";

/** Watches open for one connection, and for all connections of a server: each keeps up to a thousand changes, and 4 MiB of values. */
export const MAX_WATCHES = 16;
export const MAX_WATCHES_OF_ALL = 256;

/** ms between looks at whether a client that takes nothing is still there. */
const PATIENCE_MS = 60_000;
/** ms of work for one watch before everybody else gets a turn: it may begin with thousands of keys. */
const SLICE_MS = 2;

type Change = Watched<StateChange> | Watched<SharedChange>;

/** How many there are in the whole server. */
export interface WatchCount {
  open: number;
}

export class OpenWatches {
  readonly #outlet: Outlet;
  readonly #count: WatchCount;
  readonly #watches = new Map<bigint, AbortController>();

  constructor(outlet: Outlet, count: WatchCount) {
    this.#outlet = outlet;
    this.#count = count;
  }

  has(seq: bigint): boolean {
    return this.#watches.has(seq);
  }

  /**
   * @param open begins a watch that ends with the signal; what it throws is the caller's
   * @param wants whether the client is to be told of a change
   */
  open(seq: bigint, open: (signal: AbortSignal) => AsyncIterable<Change>, wants: (change: Change) => boolean): Answer {
    if (this.#watches.size >= MAX_WATCHES) {
      return { error: `too many watches at once: ${MAX_WATCHES} are open on this connection` };
    }
    if (this.#count.open >= MAX_WATCHES_OF_ALL) {
      return { error: `too many watches at once: ${MAX_WATCHES_OF_ALL} are open on this agent` };
    }
    const controller = new AbortController();
    const changes = open(controller.signal);
    this.#watches.set(seq, controller);
    this.#count.open++;
    return { after: () => void this.#pump(seq, controller, changes, wants) };
  }

  /** Never rejects. */
  async #pump(
    seq: bigint,
    controller: AbortController,
    changes: AsyncIterable<Change>,
    wants: (change: Change) => boolean,
  ): Promise<void> {
    const { signal } = controller;
    let dropped = 0;
    let sliceBegan = performance.now();
    try {
      for await (const change of changes) {
        dropped += change.dropped;
        if (!wants(change)) continue;
        if (!(await this.#send(seq, signal, stateChangeBody(change, dropped)))) return;
        dropped = 0;
        if (performance.now() - sliceBegan < SLICE_MS) continue;
        await nextTurn();
        sliceBegan = performance.now();
      }
      await this.#send(seq, signal, WATCH_DONE);
    } catch {
      // The node has no state to watch any more, which is what the last record says.
      await this.#send(seq, signal, WATCH_DONE);
    } finally {
      this.#end(seq, controller);
    }
  }

  /** False: nobody is there to take more. */
  async #send(seq: bigint, signal: AbortSignal, body: MsgpackInput): Promise<boolean> {
    const record = { header: encode({ Error: "", Seq: seq }), body: encode(body) };
    // Whoever has gone is found out by the connection; whoever is slow loses changes, and that is all.
    while (!signal.aborted && !this.#outlet.closed) {
      // Others of this connection wait for the same room, and may have been first.
      if (this.#outlet.record(record)) return true;
      await this.#outlet.room(PATIENCE_MS);
    }
    return false;
  }

  /** Ends the watch of that sequence number, if there is one: without another record. */
  stop(seq: bigint): void {
    const controller = this.#watches.get(seq);
    if (controller !== undefined) this.#end(seq, controller);
  }

  /** The client is gone. */
  clear(): void {
    for (const seq of this.#watches.keys()) this.stop(seq);
  }

  #end(seq: bigint, controller: AbortController): void {
    controller.abort();
    if (this.#watches.get(seq) !== controller) return;
    this.#watches.delete(seq);
    this.#count.open--;
  }
}
