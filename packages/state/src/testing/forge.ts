/** Messages that no machine of ours would write, for tests of what they can do. */
import {
  encodeCover,
  encodeDelta,
  encodeHeartbeat,
  encodeKeyLine,
  encodeNodeWrite,
  encodeOwnerLine,
  encodeSharedWrite,
  encodeTreeNode,
  MessageBuilder,
} from "../codec.ts";
import { noStamp, type Stamp } from "../hlc.ts";
import { type Cover, type Heartbeat, type OwnerDelta, Section, type SharedWrite, type TreeNode } from "../messages.ts";

export interface Forgery {
  readonly rumour?: boolean;
  readonly gc?: Stamp;
  readonly roots?: readonly [number, number];
  readonly nodes?: readonly TreeNode[];
  readonly covers?: readonly Cover[];
  readonly deltas?: readonly OwnerDelta[];
  readonly writes?: readonly SharedWrite[];
  readonly beats?: readonly Heartbeat[];
}

export function forged(parts: Forgery): Uint8Array {
  const builder = new MessageBuilder(Number.POSITIVE_INFINITY);
  for (const node of parts.nodes ?? []) builder.add(Section.nodes, encodeTreeNode(node));
  for (const { tree, node, complete, owners, keys } of parts.covers ?? []) {
    const lines = [...owners.map(encodeOwnerLine), ...keys.map(encodeKeyLine)];
    builder.add(Section.covers, encodeCover(tree, node, complete, lines));
  }
  for (const delta of parts.deltas ?? [])
    builder.add(Section.deltas, encodeDelta(delta, delta.writes.map(encodeNodeWrite)));
  for (const write of parts.writes ?? []) builder.add(Section.writes, encodeSharedWrite(write));
  for (const beat of parts.beats ?? []) builder.add(Section.beats, encodeHeartbeat(beat));
  const { rumour = false, gc = noStamp, roots } = parts;
  return builder.finish({ mode: "push-pull", initiator: true, rumour, gc, roots });
}
