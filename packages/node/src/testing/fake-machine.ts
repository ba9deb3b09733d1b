/** A machine and a codec that only record and obey, for testing whatever drives machines. */

import type {
  Codec,
  DropReason,
  Endpoint,
  Machine,
  StreamError,
  StreamFailure,
  StreamMessage,
  StreamReader,
  StreamReply,
  StreamRequest,
  Transmit,
} from "@hearsay/core";

/** Streams carry a length byte and that many bytes, as a user message. */
export class FakeCodec implements Codec {
  readonly maxPacketBytes = 2048;
  readonly scratch = new Uint8Array(2048);
  packetOverhead = () => 0;
  encode = (): Uint8Array => new Uint8Array();
  encodeInto = (): number => 0;
  sealPacket = (): void => {};
  openPacket = (): void => {};

  encodeStream(message: StreamMessage): Uint8Array {
    if (message.type !== 8) throw new Error("user messages only");
    return Uint8Array.of(message.payload.length, ...message.payload);
  }

  streamReader(): StreamReader {
    const bytes: number[] = [];
    let result: StreamMessage | StreamError | undefined;
    return {
      push(chunk) {
        bytes.push(...chunk);
        if (bytes[0] === 255) result ??= { error: "unknown-type" };
        else if (bytes.length > bytes[0]!)
          result ??= { type: 8, payload: Uint8Array.from(bytes.slice(1, 1 + bytes[0]!)) };
        return result;
      },
      end: () => result ?? { error: bytes.length === 0 ? "empty" : "stream-truncated" },
    };
  }
}

export type FakeEvent = { readonly type: string };

export class FakeMachine implements Machine<FakeEvent> {
  readonly codec = new FakeCodec();
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly packets: { from: Endpoint; bytes: Uint8Array; now: number }[] = [];
  readonly requests: StreamMessage[] = [];
  readonly requestErrors: DropReason[] = [];
  readonly replies: { id: number; message: StreamMessage }[] = [];
  readonly ends: { id: number; reason: StreamFailure | undefined }[] = [];
  readonly sendFailures: Endpoint[] = [];
  readonly timeouts: number[] = [];

  /** What the machine wants. */
  readonly toSend: { to: Endpoint; bytes: Uint8Array }[] = [];
  readonly toDial: StreamRequest[] = [];
  readonly events: FakeEvent[] = [];
  deadline = Infinity;
  /** How long its wake-up may be put off: ms. */
  patienceMs = 0;
  payload: Uint8Array | undefined = Uint8Array.of(1, 42);
  answer: Uint8Array | undefined = undefined;
  onPacket: ((from: Endpoint, bytes: Uint8Array) => void) | undefined;
  onTimeout: ((now: number) => void) | undefined;

  start(): void {
    this.calls.push("start");
  }
  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    this.calls.push("packet");
    this.packets.push({ from: { address: from.address, port: from.port }, bytes: bytes.slice(), now });
    this.onPacket?.(from, bytes);
  }
  handleTimeout(now: number): void {
    this.calls.push("timeout");
    this.timeouts.push(now);
    if (this.deadline <= now) this.deadline = Infinity;
    this.onTimeout?.(now);
  }
  handleSendFailure(to: Endpoint): void {
    this.sendFailures.push(to);
  }
  handleStreamRequest(_from: Endpoint, message: StreamMessage): StreamReply {
    this.requests.push(message);
    return { bytes: this.answer };
  }
  handleStreamRequestError(_from: Endpoint, reason: DropReason): StreamReply {
    this.requestErrors.push(reason);
    return { bytes: undefined };
  }
  streamPayload(): Uint8Array | undefined {
    return this.payload;
  }
  handleStreamReply(id: number, message: StreamMessage): void {
    this.replies.push({ id, message });
  }
  handleStreamEnd(id: number, reason: StreamFailure | undefined): void {
    this.ends.push({ id, reason });
  }
  pollTransmit(out: Transmit): boolean {
    const next = this.toSend.shift();
    if (!next) return false;
    out.buffer.set(next.bytes);
    out.length = next.bytes.length;
    out.to = next.to;
    return true;
  }
  pollStream(): StreamRequest | undefined {
    return this.toDial.shift();
  }
  pollEvent(): FakeEvent | undefined {
    return this.events.shift();
  }
  nextDeadline(): number {
    return this.deadline;
  }
  latestWake(): number {
    return this.deadline + this.patienceMs;
  }
  latestWakeAlone(): number {
    return this.deadline + this.patienceMs;
  }
}

/** Waits until `condition` holds; rejects after `timeoutMs`. For real sockets only. */
export async function until(condition: () => boolean, what = "condition", timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
