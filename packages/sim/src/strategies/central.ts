/**
 * Central heartbeat master: every member tells one of them, the master, that it is there; the master judges, and tells
 * everyone what it found. Nobody else watches anybody, but for each member watching the master by its answers. No election:
 * what follows the master's death is the point of the comparison.
 *
 *   heartbeat   type 1 · u32 counter · u32 version        9 bytes, member to master: "I know your verdicts up to version"
 *   answer      type 2 · u32 counter · u32 version        9 bytes, master to member
 *   verdicts    type 3 · u32 after · u32 version · u16 count · count × (member 6 bytes · u8 alive)
 *
 * Each change of a verdict has a version. Verdicts go to everyone at once when one changes, and again to those whose
 * heartbeat says that they have not got them: a lost packet costs an interval. What does not fit into a packet follows the
 * next heartbeat.
 */
import { getU16, getU32, putU16, putU32 } from "./fields.ts";
import { HeartbeatMachine, type HeartbeatOptions, maxDatagramBytes } from "./heartbeat-machine.ts";
import { memberBytes } from "./roster.ts";
import { Silence } from "./silence.ts";

export interface CentralOptions extends HeartbeatOptions {
  /** Number of the master in the roster. */
  readonly master: number;
  /** Silence after which the master holds a member, and a member the master, for dead: ms. */
  readonly timeoutMs: number;
}

const Type = { heartbeat: 1, answer: 2, verdicts: 3 } as const;
const beatBytes = 9;
const verdictsHeadBytes = 11;
const verdictBytes = memberBytes + 1;
const mostVerdicts = Math.floor((maxDatagramBytes - verdictsHeadBytes) / verdictBytes);

export class Central extends HeartbeatMachine {
  readonly master: number;
  readonly #silence: Silence;
  #counter = 0;
  /** The last change: made (master), known (member). */
  #version = 0;
  /** Master: the version of the last change about each member, and how far each member says it has got. */
  readonly #changes: Uint32Array;
  readonly #known: Uint32Array;

  constructor(options: CentralOptions) {
    super(options);
    this.master = options.master;
    const watched = this.isMaster ? options.roster.length : 0;
    this.#silence = new Silence(options.roster.length, options.timeoutMs);
    this.#changes = new Uint32Array(watched);
    this.#known = new Uint32Array(watched);
  }

  get isMaster(): boolean {
    return this.self === this.master;
  }

  protected override onStart(): void {
    this.checkAt = this.#silence.begin(this.now);
  }

  protected override onBeat(): void {
    if (this.isMaster) return;
    this.#counter = (this.#counter + 1) >>> 0;
    this.send(this.master, this.#beat(Type.heartbeat, this.#counter));
  }

  protected override onPacket(from: number, bytes: Uint8Array): void {
    const type = bytes[0]!;
    if (this.isMaster && type === Type.heartbeat && bytes.length === beatBytes) this.#onHeartbeat(from, bytes);
    else if (from === this.master && type === Type.answer && bytes.length === beatBytes) this.#onMasterHeard();
    else if (from === this.master && type === Type.verdicts && wholeVerdicts(bytes)) this.#onVerdicts(bytes);
    else this.drops++;
  }

  protected override onCheck(): number {
    const before = this.#version;
    const next = this.#silence.check(
      this.now,
      (member) => member !== this.self && (this.isMaster || member === this.master) && this.holdsAlive(member),
      (member) => {
        this.convict(member);
        if (this.isMaster) this.#changes[member] = ++this.#version;
      },
    );
    if (this.#version !== before) this.#tellEveryone();
    return next;
  }

  // The master

  #onHeartbeat(from: number, bytes: Uint8Array): void {
    this.#silence.heard(from, this.now);
    this.#known[from] = getU32(bytes, 5);
    this.send(from, this.#beat(Type.answer, getU32(bytes, 1)));
    if (!this.holdsAlive(from)) {
      this.revive(from);
      this.#changes[from] = ++this.#version;
      this.checkAt = Math.min(this.checkAt, this.#silence.dueAt(from));
      this.#tellEveryone();
    } else if (this.#known[from]! < this.#version) {
      this.send(from, this.#verdictsAfter(this.#known[from]!));
    }
  }

  #tellEveryone(): void {
    // Most members have got equally far: one packet serves them all.
    const packets = new Map<number, Uint8Array>();
    for (let member = 0; member < this.roster.length; member++) {
      if (member === this.self || !this.holdsAlive(member)) continue;
      const after = this.#known[member]!;
      const packet = packets.get(after) ?? this.#verdictsAfter(after);
      packets.set(after, packet);
      this.send(member, packet);
    }
  }

  /** Oldest first, as many as fit; the version is that of the last one in it. */
  #verdictsAfter(after: number): Uint8Array {
    const changed: number[] = [];
    for (let member = 0; member < this.#changes.length; member++) {
      if (this.#changes[member]! > after) changed.push(member);
    }
    changed.sort((a, b) => this.#changes[a]! - this.#changes[b]!);
    const told = changed.slice(0, mostVerdicts);
    const bytes = new Uint8Array(verdictsHeadBytes + verdictBytes * told.length);
    bytes[0] = Type.verdicts;
    let at = putU32(bytes, 1, after);
    at = putU32(bytes, at, told.length > 0 ? this.#changes[told.at(-1)!]! : after);
    at = putU16(bytes, at, told.length);
    for (const member of told) {
      at = this.roster.put(bytes, at, member);
      bytes[at++] = this.holdsAlive(member) ? 1 : 0;
    }
    return bytes;
  }

  // A member

  #onMasterHeard(): void {
    this.#silence.heard(this.master, this.now);
    if (this.holdsAlive(this.master)) return;
    this.revive(this.master);
    this.checkAt = Math.min(this.checkAt, this.#silence.dueAt(this.master));
  }

  #onVerdicts(bytes: Uint8Array): void {
    this.#onMasterHeard();
    const after = getU32(bytes, 1);
    const version = getU32(bytes, 5);
    // Something between is missing, or we had it all: the next heartbeat says how far we have got.
    if (after > this.#version || version <= this.#version) return;
    this.#version = version;
    const end = verdictsHeadBytes + verdictBytes * getU16(bytes, 9);
    for (let at = verdictsHeadBytes; at < end; at += verdictBytes) {
      const member = this.roster.get(bytes, at);
      if (member < 0 || member === this.self || member === this.master) continue;
      if (bytes[at + memberBytes] === 1) this.revive(member);
      else this.convict(member);
    }
  }

  #beat(type: number, counter: number): Uint8Array {
    const bytes = new Uint8Array(beatBytes);
    bytes[0] = type;
    putU32(bytes, putU32(bytes, 1, counter), this.#version);
    return bytes;
  }
}

function wholeVerdicts(bytes: Uint8Array): boolean {
  return bytes.length >= verdictsHeadBytes && bytes.length === verdictsHeadBytes + verdictBytes * getU16(bytes, 9);
}
