/**
 * Incarnations never fall: neither those that a process claims for itself, in its table and on the wire, nor those that
 * anybody holds of anybody, as long as it remembers; and nobody but a member itself raises its own.
 */
import { type MemberView, MessageType, type PacketMessage } from "@hearsay/core";
import type { Checker, Scene, Step, Watched } from "./checker.ts";

export class Incarnations implements Checker {
  readonly name = "incarnations";
  readonly kind = "safety";
  /** Highest incarnation that each name's processes have ever held of themselves. */
  readonly #highest = new Map<string, number>();
  /** The last that each process was seen to claim. */
  readonly #claimed = new Map<Watched, number>();
  readonly #processes = new Map<string, Watched>();

  onProcess(node: Watched, scene: Scene): void {
    // The last word of the process before it.
    const earlier = this.#processes.get(node.name);
    if (earlier) this.#own(earlier, scene);
    this.#processes.set(node.name, node);
  }

  onStep({ by, about, before, after, excuse }: Step, scene: Scene): void {
    if (before && excuse === undefined && after.incarnation < before.incarnation) {
      const steps = `${before.state}(${before.incarnation}) -> ${after.state}(${after.incarnation})`;
      scene.report(this, by.name, `${about} fell from ${steps}`, about);
    }
    const subject = this.#processes.get(about);
    if (subject) this.#own(subject, scene);
    const highest = this.#highest.get(about) ?? 0;
    if (after.incarnation > highest) {
      const message = `holds incarnation ${after.incarnation} of ${about}, who never went beyond ${highest}`;
      scene.report(this, by.name, message, about);
    }
  }

  onPacket(from: Watched, _to: unknown, messages: readonly PacketMessage[], _bytes: number, scene: Scene): void {
    for (const message of messages) {
      if (message.type !== MessageType.alive || message.node !== from.name) continue;
      this.#claims(from, message.incarnation, "sends alive", scene);
    }
  }

  onLook(node: Watched, _members: readonly MemberView[], scene: Scene): void {
    this.#own(node, scene);
  }

  #own(node: Watched, scene: Scene): void {
    const { incarnation } = node.swim.local();
    this.#claims(node, incarnation, "holds", scene);
    if (incarnation > (this.#highest.get(node.name) ?? 0)) this.#highest.set(node.name, incarnation);
  }

  #claims(node: Watched, incarnation: number, how: string, scene: Scene): void {
    const last = this.#claimed.get(node) ?? 0;
    if (incarnation < last) {
      scene.report(this, node.name, `${how} incarnation ${incarnation} of itself after ${last}`, node.name);
    }
    this.#claimed.set(node, Math.max(last, incarnation));
  }
}
