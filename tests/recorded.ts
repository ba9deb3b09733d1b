/** Nodes of a world with a record of what their machines reported. */
import type { Machine } from "@hearsay/core";
import type { SimNode, World } from "@hearsay/sim";

export type Recorded<M extends Machine<E>, E> = SimNode<M, E> & {
  /** What the machine reported, with the time. Tests may empty it. */
  readonly events: { readonly at: number; readonly event: E }[];
};

/** Records from now on; also what nodes report while they are being added. Takes the world's `onEvent`. */
export function record<M extends Machine<E>, E>(world: World<M, E>): void {
  world.onEvent = (node, event, at) => recorded(node).events.push({ at, event });
}

export function recorded<M extends Machine<E>, E>(node: SimNode<M, E>): Recorded<M, E> {
  const known = node as SimNode<M, E> & Partial<Recorded<M, E>>;
  return "events" in known ? (known as Recorded<M, E>) : Object.assign(node, { events: [] });
}
