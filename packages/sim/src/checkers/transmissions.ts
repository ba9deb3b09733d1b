/**
 * No broadcast is sent more often by one member than the retransmit limit says (`Gossip`'s `#transmitLimit`), counted on
 * the wire. A claim that the member has reason to make anew, such as an accusation of somebody forgotten and met again,
 * begins a new count. The buddy system's accusation, behind the ping to the suspect itself, is no broadcast.
 */
import { type Endpoint, MessageType, type PacketMessage, type SwimEvent } from "@hearsay/core";
import { transmitLimit } from "./bounds.ts";
import type { Checker, Scene, Watched } from "./checker.ts";

interface Count {
  sent: number;
  /** The highest limit in force at any of the times it was sent: pools grow and shrink meanwhile. */
  limit: number;
  /** How often it may be begun: twice for what a member says when it leaves, as Serf's leave intent is said again. */
  runs: number;
  /** By the kind of claim. */
  readonly type: number;
}

interface Excess {
  readonly node: Watched;
  readonly count: Count;
  readonly at: number;
  readonly subject: string;
  readonly what: string;
}

export class Transmissions implements Checker {
  readonly name = "transmissions";
  readonly kind = "safety";
  /** By process, then by subject, then by the claim itself. User messages are their own subjects. */
  readonly #counts = new Map<Watched, Map<string, Map<string, Count>>>();
  /** Above the limit; unless the machine says in the same breath that it has begun anew. */
  #excess: Excess[] = [];

  onProcess(node: Watched): void {
    for (const earlier of this.#counts.keys()) if (earlier.place === node.place) this.#counts.delete(earlier);
    this.#counts.set(node, new Map());
  }

  onPacket(from: Watched, _to: Endpoint, messages: readonly PacketMessage[], _bytes: number, scene: Scene): void {
    this.#confirm(scene);
    for (const [i, message] of messages.entries()) {
      if (i === 1 && isBuddy(messages, from.name)) continue;
      const subject = subjectOf(message);
      if (subject !== undefined) this.#count(from, subject, message, scene);
    }
  }

  onEvent(node: Watched, event: SwimEvent, scene: Scene): void {
    this.#confirm(scene);
    if (event.type === "member-join") this.#anew(node, event.member.name, MessageType.alive);
    if (event.type !== "evidence") return;
    const { type } = event.evidence;
    if (type === "left" && event.name === node.name) this.#leaves(node);
    if (type === "suspected" || type === "confirmed") this.#anew(node, event.name, MessageType.suspect);
    else if (type === "dead" || type === "left") this.#anew(node, event.name, MessageType.dead);
    else if (type === "refuted" || type === "alive" || type === "moved")
      this.#anew(node, event.name, MessageType.alive);
  }

  onRound(scene: Scene): void {
    this.#confirm(scene);
  }

  #count(from: Watched, subject: string, message: PacketMessage, scene: Scene): void {
    const subjects = this.#counts.get(from);
    if (subjects === undefined) return;
    let claims = subjects.get(subject);
    if (claims === undefined) {
      claims = new Map();
      subjects.set(subject, claims);
    }
    const claim = claimOf(message);
    let count = claims.get(claim);
    if (count === undefined) {
      // Newer news about a member replaces older: no more than a few are ever of use.
      if (claims.size >= 8)
        for (const oldest of claims.keys()) {
          claims.delete(oldest);
          break;
        }
      count = { sent: 0, limit: 0, runs: 1, type: message.type };
      claims.set(claim, count);
    }
    count.sent++;
    count.limit = Math.max(count.limit, transmitLimit(scene.config, from.swim.aliveCount, from.swim.memberCount));
    if (count.sent > count.limit * count.runs) {
      this.#excess.push({ node: from, count, at: scene.now, subject, what: claim });
    }
  }

  /** A step as this begins a new broadcast. It is told of after the packets that it went out with. */
  #anew(node: Watched, subject: string, type: number): void {
    for (const count of this.#counts.get(node)?.get(subject)?.values() ?? []) {
      if (count.type !== type) continue;
      count.sent = 0;
      count.limit = 0;
    }
  }

  #leaves(node: Watched): void {
    for (const claims of this.#counts.get(node)?.values() ?? []) {
      for (const count of claims.values()) if (count.type === MessageType.user) count.runs = 2;
    }
  }

  #confirm(scene: Scene): void {
    if (this.#excess.length === 0) return;
    const waiting: Excess[] = [];
    for (const excess of this.#excess) {
      const { node, count, at, subject, what } = excess;
      if (at === scene.now) waiting.push(excess);
      else if (count.sent > count.limit * count.runs) {
        const about = subject.startsWith("user ") ? node.name : subject;
        scene.report(this, node.name, `sent "${what}" ${count.sent} times, ${count.limit * count.runs} allowed`, about);
      }
    }
    this.#excess = waiting;
  }
}

/** A ping and behind it, alone, our own suspicion of the one who is pinged. */
function isBuddy(messages: readonly PacketMessage[], sender: string): boolean {
  const [ping, suspect] = messages;
  if (messages.length !== 2 || ping?.type !== MessageType.ping || suspect?.type !== MessageType.suspect) return false;
  return suspect.node === ping.node && suspect.from === sender;
}

function subjectOf(message: PacketMessage): string | undefined {
  switch (message.type) {
    case MessageType.alive:
    case MessageType.suspect:
    case MessageType.dead:
      return message.node;
    case MessageType.user:
      return `user ${fingerprint(message.payload)}`;
    default:
      return undefined;
  }
}

function claimOf(message: PacketMessage): string {
  switch (message.type) {
    case MessageType.alive:
      return `alive ${message.node} ${message.incarnation} ${message.addr?.join(".")}:${message.port}`;
    case MessageType.suspect:
      return `suspect ${message.node} ${message.incarnation} by ${message.from}`;
    case MessageType.dead:
      return `dead ${message.node} ${message.incarnation} by ${message.from}`;
    case MessageType.user:
      return `user ${fingerprint(message.payload)}`;
    default:
      return "";
  }
}

/** Tells messages apart without keeping them. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return `${(hash >>> 0).toString(16)}/${bytes.length}`;
}
