/** The shared map in bytes, for a file: a state message like any other, which holds all writes and says nothing else. */
import { decodeStateMessage, encodeSharedWrite, MessageBuilder } from "./codec.ts";
import { StateError } from "./errors.ts";
import type { Stamp } from "./hlc.ts";
import { Section, type SharedWrite } from "./messages.ts";

export function encodeSnapshot(gc: Stamp, writes: Iterable<SharedWrite>): Uint8Array {
  const builder = new MessageBuilder(Number.POSITIVE_INFINITY);
  for (const write of writes) builder.add(Section.writes, encodeSharedWrite(write));
  return builder.finish({ mode: "push-pull", initiator: true, rumour: false, gc, roots: undefined });
}

export function decodeSnapshot(bytes: Uint8Array, maxValueBytes: number): SharedWriteSet {
  const message = decodeStateMessage(bytes, maxValueBytes, Number.POSITIVE_INFINITY);
  if (typeof message === "string") throw new StateError("snapshot-invalid", `no snapshot of shared state: ${message}`);
  return message;
}

interface SharedWriteSet {
  readonly gc: Stamp;
  readonly writes: readonly SharedWrite[];
}
