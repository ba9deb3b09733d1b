/**
 * What the parts of one machine share: the table, queues, timers, outboxes, and the present moment. Each part owns its
 * story; this owns nothing but the furniture.
 */
import { Awareness } from "./awareness.ts";
import { type Broadcast, BroadcastQueue } from "./broadcast-queue.ts";
import type { Codec } from "./codec.ts";
import type { SwimConfig } from "./config.ts";
import type { DropReason } from "./drop-reason.ts";
import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { MemberView, SwimEvent } from "./events.ts";
import type { Evidence } from "./evidence.ts";
import { EvidenceLog } from "./evidence-log.ts";
import { Fifo } from "./fifo.ts";
import { noGist } from "./hearing.ts";
import type { StreamRequest } from "./machine.ts";
import { MemberTable } from "./member-table.ts";
import { memberStateNames, type PacketMessage, type PushPullNode } from "./messages.ts";
import { emptyBytes, NameTable } from "./names.ts";
import type { Rng } from "./rng.ts";
import { SuspectRows } from "./suspect-rows.ts";
import { TimerTable } from "./timers.ts";

export interface SwimOptions {
  /** Unique in the pool; 1 … 255 bytes of UTF-8. */
  readonly name: string;
  /** Advertised address, 4 or 16 bytes. Four for IPv4: the 16-byte form counts as another address (10.6). */
  readonly addr: Uint8Array;
  /** Advertised port, 1 … 65535. */
  readonly port: number;
  /** Stands in where old peers send port 0. Default: `port`. */
  readonly bindPort?: number;
  /** At most 512 bytes. */
  readonly meta?: Uint8Array;
  /** Minimum, maximum and current version of the layer above. Default 0, 0, 0. */
  readonly delegateVersions?: readonly [min: number, max: number, cur: number];
  readonly config: SwimConfig;
  readonly codec: Codec;
  readonly rng: Rng;
  /** Interned names; share one between the machines of a process to save memory. Default: its own. */
  readonly names?: NameTable;
  /**
   * Entries of evidence kept for each member. 0: none is kept or reported, `why` is empty; for simulations of thousands of
   * machines. Default 64.
   */
  readonly evidencePerMember?: number;
  /**
   * User messages waiting in one queue, at least 1: above it the most transmitted go. Peers fill these queues too. Default
   * 4096, as in Serf.
   */
  readonly maxUserQueue?: number;
  /** User state for push/pull, asked for whenever one is encoded. */
  readonly localState?: (join: boolean) => Uint8Array;
  /** Payload for the acks of pings by packet. */
  readonly ackPayload?: () => Uint8Array | null;
  /**
   * Members that another failure detector judges: a failed probe of theirs is evidence and no accusation, since that
   * detector accuses by `accuse`. Default: none.
   */
  readonly isJudgedElsewhere?: (name: string) => boolean;
  /** Looks at the nodes of a joining exchange; a text refuses it and is reported. */
  readonly acceptMerge?: (nodes: readonly PushPullNode[]) => string | undefined;
}

/** A packet to be built when polled. */
export interface SendIntent {
  readonly to: Endpoint;
  readonly head: PacketMessage;
  /** A second message right behind it (the buddy's suspicion). */
  readonly extra: PacketMessage | null;
  /** Fill the room with broadcasts. */
  readonly piggyback: boolean;
  /** The receiver's record is at hand and says it understands CRC (reference section 5). */
  readonly crc: boolean;
}

export interface SwimCounters {
  packetsReceived: number;
  packetsBuilt: number;
  probes: number;
  probesFailed: number;
  indirectPings: number;
  relays: number;
  suspicions: number;
  refutations: number;
  deaths: number;
  gossipRounds: number;
  pushPulls: number;
  pushPullFailures: number;
  stalls: number;
  sendFailures: number;
  /** By DropReason. */
  readonly drops: Record<string, number>;
}

/** memberlist protocol versions we understand and speak (reference 9.1). */
const protocolVersions = [1, 5, 2] as const;

/** Most parts in one compound: peers up to memberlist 0.2.3 misread 128 and more (7.2). */
export const maxParts = 127;

/** Drops that are only counted. */
const unreported: ReadonlySet<DropReason> = new Set(["unknown-ack", "version-mismatch", "merge-refused"]);

/** Urgency of membership broadcasts (design, rule 2). */
export const Urgency = { failure: 0, leave: 1, join: 2 } as const;

export class Shared {
  readonly name: string;
  readonly config: SwimConfig;
  readonly codec: Codec;
  readonly options: SwimOptions;
  readonly table: MemberTable;
  readonly suspects: SuspectRows;
  readonly timers: TimerTable;
  readonly awareness: Awareness;
  readonly log: EvidenceLog;
  readonly keepsEvidence: boolean;
  readonly memberQueue: BroadcastQueue;
  /** Three, most urgent first; none until the first user message. */
  userQueues: readonly BroadcastQueue[] = [];
  readonly events = new Fifo<SwimEvent>();
  /** Packets to be built; a number is gossip to the member of this id. */
  readonly sends = new Fifo<SendIntent | number>();
  readonly streams = new Fifo<StreamRequest>();
  readonly rng: { probe: Rng; ring: Rng; gossip: Rng; jitter: Rng; relays: Rng; pushPull: Rng };
  readonly counters: SwimCounters = {
    packetsReceived: 0,
    packetsBuilt: 0,
    probes: 0,
    probesFailed: 0,
    indirectPings: 0,
    relays: 0,
    suspicions: 0,
    refutations: 0,
    deaths: 0,
    gossipRounds: 0,
    pushPulls: 0,
    pushPullFailures: 0,
    stalls: 0,
    sendFailures: 0,
    drops: {},
  };
  /** Monotonic ms of the call being handled. */
  now = 0;
  /** Own row in the table; -1 before `start`. */
  selfId = -1;
  /** Own counter of incarnations; the first alive carries 1. */
  incarnation = 0;
  meta: Uint8Array;
  readonly vsn: Uint8Array;
  readonly endpoint: Endpoint;
  /** The embedder refuses to be counted on: no acks. */
  healthy = true;
  /** The highest incarnation at which we were accused while unhealthy, and did not object; -1 for none. */
  admitted = -1;
  /** `leave` was called. */
  leaving = false;
  /** Members that are forgotten while news about them still waits. */
  readonly #forgotten = new Set<number>();
  #seqNo: number;
  #nextId = 1;
  /** Set by the machine: what happens when there is something new to gossip. */
  onQueued: () => void = () => {};

  constructor(options: SwimOptions, endpoint: Endpoint) {
    this.options = options;
    this.name = options.name;
    this.config = options.config;
    this.codec = options.codec;
    this.endpoint = endpoint;
    this.meta = options.meta ?? emptyBytes;
    this.vsn = Uint8Array.of(...protocolVersions, ...(options.delegateVersions ?? [0, 0, 0]));
    this.table = new MemberTable(options.names ?? new NameTable());
    this.suspects = new SuspectRows(this.table.names.memory);
    this.timers = new TimerTable(this.table.names.memory, this.suspects);
    this.log = new EvidenceLog(options.evidencePerMember);
    this.keepsEvidence = options.evidencePerMember !== 0;
    this.awareness = new Awareness(options.config.awarenessMaxMult);
    this.memberQueue = new BroadcastQueue(this.#onFinished, this.table.names);
    this.rng = {
      probe: options.rng.fork("probe"),
      ring: options.rng.fork("ring"),
      gossip: options.rng.fork("gossip"),
      jitter: options.rng.fork("jitter"),
      relays: options.rng.fork("relays"),
      pushPull: options.rng.fork("push-pull"),
    };
    // A random start: acks are matched by this number alone, so an outsider must not be able to guess it (section 15).
    this.#seqNo = options.rng.fork("seqNo").uint32();
  }

  nextSeqNo(): number {
    this.#seqNo = (this.#seqNo + 1) >>> 0;
    return this.#seqNo;
  }

  /** A number for an exchange, a join or a broadcast; never 0. */
  nextId(): number {
    return this.#nextId++;
  }

  view(id: number): MemberView {
    const record = this.table.record(id);
    return {
      name: record.name,
      addr: record.addr,
      port: record.port,
      endpoint: record.endpoint,
      meta: record.meta,
      vsn: record.vsn,
      incarnation: this.table.incarnation(id),
      state: memberStateNames[this.table.state(id)],
      since: this.table.changedAt(id),
    };
  }

  /** The queue of a user message. */
  userQueue(queue: 0 | 1 | 2): BroadcastQueue {
    if (this.userQueues.length === 0) {
      this.userQueues = [0, 1, 2].map(() => new BroadcastQueue(this.#onFinished));
    }
    return this.userQueues[queue]!;
  }

  readonly #onFinished = (broadcast: Broadcast): void => {
    if (this.#forgotten.size > 0 && this.#forgotten.delete(broadcast.key)) this.table.names.release(broadcast.key);
    if (broadcast.id !== 0) this.events.push({ type: "broadcast-done", id: broadcast.id });
  };

  /** Queues a membership broadcast, replacing an older one about the same `member`. `id` 0: nobody waits for it. */
  broadcast(message: PacketMessage, member: number, urgency: number, id = 0, gist = noGist): void {
    this.memberQueue.queue(this.codec.encode(message), member, urgency, id, gist);
    this.onQueued();
  }

  /** A member is about to be forgotten: as long as news about it waits, its number is nobody else's. */
  onForget(member: number): void {
    if (this.#forgotten.has(member) || !this.memberQueue.has(member)) return;
    this.table.names.acquire(this.table.names.nameOf(member));
    this.#forgotten.add(member);
  }

  send(to: Endpoint, head: PacketMessage, piggyback: boolean, crc: boolean, extra: PacketMessage | null = null): void {
    this.sends.push({ to, head, extra, piggyback, crc });
  }

  evidence(name: string, evidence: Evidence): void {
    if (!this.keepsEvidence) return;
    this.log.add(name, evidence);
    this.events.push({ type: "evidence", name, evidence });
  }

  drop(reason: DropReason, peer: Endpoint | undefined): void {
    this.counters.drops[reason] = (this.counters.drops[reason] ?? 0) + 1;
    // Late acks are part of normal life and refused merges have an event of their own: counted, not reported. And
    // dropping may be somebody's attack: the reports are bounded, the counters are not.
    if (!unreported.has(reason) && this.events.length < 1024) {
      this.events.push({ type: "dropped", reason, peer: peer ? formatEndpoint(peer) : "" });
    }
  }
}
