/** Keeps a snapshot in step with a node: who is alive, and which times and events have been seen. What the file looks like is its own. */

import { eventHash, type RestoredPast, type SerfStats, type SerfUserEvent } from "@hearsay/serf";
import type { Logger, Member, MemberEventType } from "./api.ts";
import type { RememberedMember } from "./engine.ts";
import type { NodeSettings } from "./options.ts";
import { openSnapshot, type Snapshot } from "./snapshot/snapshot.ts";

export class PoolMemory {
  /** The highest times seen before, and the latest events; undefined when there is nothing to remember. */
  readonly past: RestoredPast | undefined;
  /** Who was alive then. */
  readonly members: readonly RememberedMember[];
  readonly #snapshot: Snapshot;
  readonly #logger: Logger | undefined;

  /**
   * Undefined without a path.
   * @throws NodeError SNAPSHOT
   */
  static async open(settings: NodeSettings, logger: Logger | undefined): Promise<PoolMemory | undefined> {
    const { snapshotPath, rejoinAfterLeave } = settings;
    if (snapshotPath === undefined) return undefined;
    return new PoolMemory(await openSnapshot(snapshotPath, { rejoinAfterLeave }), logger);
  }

  private constructor(snapshot: Snapshot, logger: Logger | undefined) {
    const { clocks, seenEvents, members } = snapshot.restored;
    this.past = clocks && seenEvents ? { ...clocks, seenEvents } : clocks;
    this.members = members;
    this.#snapshot = snapshot;
    this.#logger = logger;
    snapshot.onProblem = this.#onProblem;
  }

  /** Ourselves included. */
  onMember(type: MemberEventType, member: Member): void {
    if (type === "member-join") this.#snapshot.alive(member.name, member.address, member.port);
    else if (type === "member-leave" || type === "member-failed") this.#snapshot.notAlive(member.name);
  }

  /** Is about to be told: whoever dies over it has seen it. */
  onUserEvent({ lTime, name, payload }: SerfUserEvent): void {
    this.#snapshot.seenEvent(lTime, eventHash(name, payload));
  }

  /** After every drain. A clock stands one above the last time that was seen. */
  drained(machine: {
    readonly eventsFrom: number;
    stats(): Pick<SerfStats, "memberTime" | "eventTime" | "queryTime">;
  }): void {
    const { memberTime, eventTime, queryTime } = machine.stats();
    this.#snapshot.clocks({
      memberTime: Math.max(memberTime - 1, 0),
      eventTime: Math.max(eventTime - 1, 0),
      queryTime: Math.max(queryTime - 1, 0),
      eventsFrom: machine.eventsFrom,
    });
  }

  /** We are about to say goodbye. Resolves when that is written, or cannot be. */
  leave(): Promise<void> {
    return this.#snapshot.leave().catch(this.#onProblem);
  }

  /** Resolves when everything is written, or cannot be. */
  close(): Promise<void> {
    return this.#snapshot.close().catch(this.#onProblem);
  }

  /** A node without a memory is a node all the same. */
  readonly #onProblem = (error: Error): void => {
    this.#logger?.error({ err: error }, `snapshot: ${error.message}`);
  };
}
