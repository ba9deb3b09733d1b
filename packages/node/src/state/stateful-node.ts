/** What both kinds of node have of replicated state: the part of their interface that the face answers, and who hears of changes. */

import type { MemberEvent, NodeEventMap } from "../api.ts";
import { Observable } from "../observable.ts";
import type { Aggregate, AggregateOptions, Counter, NodeState, SharedState, StateApi } from "../state-api.ts";
import type { StateNews } from "../state-calls.ts";
import { changeFor, type StateFace, sharedChangeFor } from "./state-face.ts";

export abstract class StatefulNode extends Observable<NodeEventMap, MemberEvent> implements StateApi {
  protected abstract readonly face: StateFace;

  get state(): NodeState {
    return this.face.state;
  }

  get shared(): SharedState {
    return this.face.shared;
  }

  counter(name: string): Counter {
    return this.face.counter(name);
  }

  counters(): string[] {
    return this.face.counters();
  }

  aggregate(name: string, source: () => number | undefined, options?: AggregateOptions): Aggregate {
    return this.face.aggregate(name, source, options);
  }

  aggregates(): string[] {
    return this.face.aggregates();
  }

  phi(member: string): number | undefined {
    return this.face.phi(member);
  }

  saveState(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.face.saveState(options);
  }

  /** Tells watchers and listeners. Values are decoded for those who are there. */
  protected readonly news: StateNews = {
    changed: (change) => {
      this.face.changed(change);
      if (this.hears("state-change")) this.emit("state-change", changeFor(change));
    },
    sharedChanged: (change) => {
      this.face.sharedChanged(change);
      if (this.hears("shared-change")) this.emit("shared-change", sharedChangeFor(change));
    },
    lost: (count) => this.face.lost(count),
  };
}
