/** What nodes send, between one question and the next. */
import type { Place } from "../sim-node.ts";
import type { Pool } from "./pool.ts";

interface Reading {
  readonly packets: number;
  readonly bytes: number;
  readonly streamBytes: number;
}

export class TrafficMeter {
  readonly #pool: Pool;
  #before = new Map<number, Reading>();
  #since = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  reset(): void {
    this.#before = this.#readings();
    this.#since = this.#pool.now;
  }

  /** A line for packets and one for streams, since the last time. */
  lines(): string[] {
    const seconds = (this.#pool.now - this.#since) / 1000;
    const now = this.#readings();
    const rates = [...now].map(([node, { packets, bytes, streamBytes }]) => {
      const before = this.#before.get(node);
      return {
        node,
        packets: (packets - (before?.packets ?? 0)) / seconds,
        bytes: (bytes - (before?.bytes ?? 0)) / seconds,
        streamBytes: (streamBytes - (before?.streamBytes ?? 0)) / seconds,
      };
    });
    this.reset();
    if (seconds === 0 || rates.length === 0) return ["no time has passed"];
    const mean = (key: "packets" | "bytes" | "streamBytes") =>
      rates.reduce((sum, one) => sum + one[key], 0) / rates.length;
    const busiest = rates.reduce((most, one) => (one.bytes > most.bytes ? one : most));
    return [
      `packets  ${mean("packets").toFixed(1)}/s and ${mean("bytes").toFixed(0)} B/s a node; most: node ${busiest.node}, ${busiest.packets.toFixed(1)}/s and ${busiest.bytes.toFixed(0)} B/s`,
      `streams  ${mean("streamBytes").toFixed(0)} B/s a node; over ${seconds.toFixed(1)} s`,
    ];
  }

  #readings(): Map<number, Reading> {
    const found = new Map<number, Reading>();
    for (let node = 0; node < this.#pool.size; node++) {
      const place: Place | undefined = this.#pool.place(node);
      if (place === undefined) continue;
      const { packetsSent, bytesSent, streamBytesSent } = place.traffic;
      found.set(node, { packets: packetsSent, bytes: bytesSent, streamBytes: streamBytesSent });
    }
    return found;
  }
}
