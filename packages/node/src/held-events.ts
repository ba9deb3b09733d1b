/**
 * What happens while a node starts, before anybody can listen: a pool that is joined again tells at once which events were
 * missed. It is kept until the starter has had a turn to say `on`.
 */

import { EVENT_BUFFER } from "./event-stream.ts";

export class HeldEvents {
  #held: (() => void)[] | undefined = [];
  #dropped = false;
  #lost = 0;

  /** What has come is not told yet, and may never be. */
  get holding(): boolean {
    return this.#held !== undefined;
  }

  /** How many had to go, since too much came. */
  get lost(): number {
    return this.#lost;
  }

  /** Tells now, or when those that are held have been told. Of too many, the oldest go. */
  tell(act: () => void): void {
    if (!this.#held) {
      act();
      return;
    }
    this.#held.push(act);
    if (this.#held.length <= EVENT_BUFFER) return;
    this.#held.shift();
    this.#lost++;
  }

  /**
   * The node is about to be handed out: from the next turn of the loop on, everything is told at once. `then`: what is held
   * has been told, and was not dropped.
   */
  release(then?: () => void): void {
    setImmediate(() => {
      if (this.#dropped) return;
      // What a listener causes comes after what was there.
      for (let act = this.#held?.shift(); act; act = this.#held?.shift()) act();
      this.#held = undefined;
      if (!this.#dropped) then?.();
    });
  }

  /** Nobody is to be told any more of what is held. */
  drop(): void {
    this.#dropped = true;
    this.#held?.splice(0);
  }
}
