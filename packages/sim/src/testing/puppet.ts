/** A machine without a protocol: it does what a test tells it and writes down what happens to it. For tests only. */
import type {
  Codec,
  DropReason,
  Endpoint,
  Machine,
  StreamFailure,
  StreamMessage,
  StreamReply,
  StreamRequest,
  Transmit,
} from "@hearsay/core";
import { encodeUtf8, readUtf8Lossy } from "@hearsay/wire";

export interface Dial {
  readonly timeoutMs?: number;
  readonly kind?: StreamRequest["kind"];
  readonly reply?: boolean;
}

export class Puppet implements Machine<string> {
  readonly codec: Codec;
  /** `12 heard hello`: its own time, then what happened. */
  readonly log: string[] = [];
  /** What it answers on streams; undefined hangs up without a word. */
  answer: string | undefined = "yes";
  /** It no longer wants the stream once it may write. */
  changesItsMind = false;
  /** Called with each text heard. */
  onHeard: ((text: string, from: Endpoint, now: number) => void) | undefined;
  readonly #alarms: number[] = [];
  readonly #sends: { readonly to: Endpoint; readonly text: string }[] = [];
  readonly #dials: StreamRequest[] = [];
  readonly #words = new Map<number, string>();
  readonly #events: string[] = [];
  #nextId = 0;

  constructor(codec: Codec) {
    this.codec = codec;
  }

  /** A packet of so many bytes at least. */
  say(to: Endpoint, text: string, bytes = 0): void {
    this.#sends.push({ to, text: text.padEnd(bytes) });
  }

  wakeAt(time: number): void {
    this.#alarms.push(time);
    this.#alarms.sort((a, b) => a - b);
  }

  dial(to: Endpoint, text: string, { timeoutMs = 1000, kind = "user", reply = true }: Dial = {}): void {
    const id = ++this.#nextId;
    this.#words.set(id, text);
    this.#dials.push({ id, kind, to, timeoutMs, reply });
  }

  report(event: string): void {
    this.#events.push(event);
  }

  start(now: number): void {
    this.#note(now, "started");
  }

  handlePacket(from: Endpoint, bytes: Uint8Array, now: number): void {
    const text = readUtf8Lossy(bytes).trimEnd();
    this.#note(now, `heard ${text}`);
    this.onHeard?.(text, from, now);
  }

  handleTimeout(now: number): void {
    while (this.#alarms[0]! <= now) this.#note(now, `alarm of ${Number(this.#alarms.shift()!.toFixed(6))}`);
  }

  handleSendFailure(): void {}

  handleStreamRequest(_from: Endpoint, message: StreamMessage, now: number): StreamReply {
    this.#note(now, `asked ${textOf(message)}`);
    if (this.answer === undefined) return { bytes: undefined };
    return { bytes: this.codec.encodeStream({ type: 8, payload: encodeUtf8(this.answer) }, false) };
  }

  handleStreamRequestError(_from: Endpoint, reason: DropReason, now: number): StreamReply {
    this.#note(now, `refuses ${reason}`);
    return { bytes: undefined };
  }

  streamPayload(id: number, now: number): Uint8Array | undefined {
    this.#note(now, "connected");
    if (this.changesItsMind) return undefined;
    return this.codec.encodeStream({ type: 8, payload: encodeUtf8(this.#words.get(id)!) }, true);
  }

  handleStreamReply(_id: number, message: StreamMessage, now: number): void {
    this.#note(now, `told ${textOf(message)}`);
  }

  handleStreamEnd(_id: number, reason: StreamFailure | undefined, now: number): void {
    this.#note(now, `over ${reason ?? "well"}`);
  }

  pollTransmit(out: Transmit): boolean {
    const send = this.#sends.shift();
    if (send === undefined) return false;
    const bytes = encodeUtf8(send.text);
    out.buffer.set(bytes);
    out.length = bytes.length;
    out.to = send.to;
    return true;
  }

  pollStream(): StreamRequest | undefined {
    return this.#dials.shift();
  }

  pollEvent(): string | undefined {
    return this.#events.shift();
  }

  nextDeadline(): number {
    return this.#alarms[0] ?? Number.POSITIVE_INFINITY;
  }

  latestWake(): number {
    return this.nextDeadline();
  }

  #note(now: number, what: string): void {
    this.log.push(`${Number(now.toFixed(6))} ${what}`);
  }
}

function textOf(message: StreamMessage): string {
  return message.type === 8 ? readUtf8Lossy(message.payload) : `type ${message.type}`;
}
