/**
 * Packets keep to `maxPacketBytes` and 127 parts, and can be read whole. The budget is memberlist's: the length entry of
 * the message in front and the checksum are never counted (reference 7.3), and a single larger message is sent all the
 * same. So is a suspicion right behind its ping, which may not wait.
 */
import type { Endpoint, PacketMessage } from "@hearsay/core";
import type { Checker, Scene, Watched } from "./checker.ts";

/** What is never counted: checksum 5, length entry of the message in front 2. */
const uncountedBytes = 7;
const maxParts = 127;

export class PacketSizes implements Checker {
  readonly name = "packet-sizes";
  readonly kind = "safety";

  onPacket(from: Watched, _to: Endpoint, messages: readonly PacketMessage[], bytes: number, scene: Scene): void {
    const { maxPacketBytes } = scene.config;
    if (messages.length > maxParts) {
      scene.report(this, from.name, `a packet of ${messages.length} parts, ${maxParts} allowed`);
    }
    if (bytes > maxPacketBytes + uncountedBytes && messages.length > 1) {
      const allowed = `${maxPacketBytes} allowed and ${uncountedBytes} not counted`;
      scene.report(this, from.name, `a packet of ${messages.length} parts and ${bytes} bytes, ${allowed}`);
    }
    if (messages.length === 0) scene.report(this, from.name, `a packet of ${bytes} bytes without a message`);
  }

  onUnreadable(from: Watched, reason: string, bytes: number, scene: Scene): void {
    scene.report(this, from.name, `a packet of ${bytes} bytes that cannot be read: ${reason}`);
  }
}
