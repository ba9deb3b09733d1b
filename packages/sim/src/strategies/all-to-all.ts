/**
 * All-to-all heartbeats: every member tells every other one, every interval, that it is there; who has not been heard for
 * `timeoutMs` is held for dead, by each for itself. Nobody passes anything on, so what one link does is all that its two
 * ends know of each other.
 *
 *   heartbeat   type 1 · u32 counter                      5 bytes, to N − 1 members
 */
import { getU32, putU32 } from "./fields.ts";
import { HeartbeatMachine, type HeartbeatOptions } from "./heartbeat-machine.ts";
import { Silence } from "./silence.ts";

export interface AllToAllOptions extends HeartbeatOptions {
  /** Silence after which a member is held for dead: ms. */
  readonly timeoutMs: number;
}

const heartbeatType = 1;
const heartbeatBytes = 5;

export class AllToAll extends HeartbeatMachine {
  readonly #silence: Silence;
  #counter = 0;

  constructor(options: AllToAllOptions) {
    super(options);
    this.#silence = new Silence(options.roster.length, options.timeoutMs);
  }

  protected override onStart(): void {
    this.checkAt = this.#silence.begin(this.now);
  }

  protected override onBeat(): void {
    const bytes = new Uint8Array(heartbeatBytes);
    bytes[0] = heartbeatType;
    this.#counter = (this.#counter + 1) >>> 0;
    putU32(bytes, 1, this.#counter);
    this.sendToAll(bytes);
  }

  protected override onPacket(from: number, bytes: Uint8Array): void {
    if (bytes[0] !== heartbeatType || bytes.length !== heartbeatBytes || getU32(bytes, 1) === 0) {
      this.drops++;
      return;
    }
    this.#silence.heard(from, this.now);
    if (this.holdsAlive(from)) return;
    this.revive(from);
    this.checkAt = Math.min(this.checkAt, this.#silence.dueAt(from));
  }

  protected override onCheck(): number {
    return this.#silence.check(
      this.now,
      (member) => member !== this.self && this.holdsAlive(member),
      (member) => this.convict(member),
    );
  }
}
