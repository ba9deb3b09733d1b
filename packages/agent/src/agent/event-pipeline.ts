/**
 * From the node's events to those who follow the agent: its event handlers and the streams of the RPC (Serf protocol notes,
 * section 13). Member events, and user events that allow it, are gathered for one to three seconds, so that a burst is told
 * in one piece; queries and other user events pass at once, and so may overtake them.
 */
import type { IncomingQuery, Member, SerfNode, UserEvent } from "@hearsay/node";
import { agentCoalescing, type CoalesceSettings, EventCoalescer, MemberCoalescer } from "@hearsay/serf";
import type { AgentEvent, MemberEventKind } from "./agent-event.ts";

const MEMBER_KINDS: readonly MemberEventKind[] = [
  ...(["member-join", "member-leave", "member-failed", "member-update", "member-reap"] as const),
];

export class EventPipeline {
  readonly #members: MemberCoalescer<Member>;
  readonly #events: EventCoalescer<UserEvent>;
  readonly #followers = new Set<(event: AgentEvent) => void>();
  readonly #stops: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(node: SerfNode, settings: CoalesceSettings = agentCoalescing) {
    this.#members = new MemberCoalescer(settings);
    this.#events = new EventCoalescer(settings);
    // Who was there before anybody could listen, ourselves as a rule, has joined all the same.
    for (const member of node.members()) if (member.status === "alive") this.#onMember("member-join", member);
    for (const kind of MEMBER_KINDS) {
      const listener = (member: Member) => this.#onMember(kind, member);
      node.on(kind, listener);
      this.#stops.push(() => node.off(kind, listener));
    }
    const onUser = (event: UserEvent) => this.#onUser(event);
    const onQuery = (query: IncomingQuery) => this.#tell({ kind: "query", query });
    node.on("user-event", onUser).on("query", onQuery);
    this.#stops.push(() => node.off("user-event", onUser).off("query", onQuery));
  }

  /** Calls back for every event from now on, until the function returned is called. Followers are told in their order. */
  follow(listener: (event: AgentEvent) => void): () => void {
    // A follower of its own for each call, so that one listener can follow twice and stop once.
    const follower = (event: AgentEvent) => listener(event);
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Tells what waits, without waiting for more of its kind. */
  flush(): void {
    this.#tellDue(Number.POSITIVE_INFINITY);
  }

  /** What waits is not told any more. */
  close(): void {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#followers.clear();
  }

  #onMember(kind: MemberEventKind, member: Member): void {
    this.#members.add(kind, member.name, member, performance.now());
    this.#arm();
  }

  #onUser(event: UserEvent): void {
    if (event.coalesce) {
      this.#events.add(event, performance.now());
      this.#arm();
    } else this.#tell({ kind: "user", event });
  }

  /** A later deadline than the timer's is found when that fires: a burst of thousands sets few timers. */
  #arm(): void {
    const deadline = Math.min(this.#members.deadline, this.#events.deadline);
    if (deadline === Number.POSITIVE_INFINITY || deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    this.#timer = setTimeout(() => this.#onTimer(), Math.ceil(deadline - performance.now())).unref();
  }

  #onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#tellDue(performance.now());
    this.#arm();
  }

  #tellDue(now: number): void {
    for (const event of this.#members.takeDue(now)) this.#tell(event);
    for (const event of this.#events.takeDue(now)) this.#tell({ kind: "user", event });
  }

  #tell(event: AgentEvent): void {
    for (const follower of [...this.#followers]) follower(event);
  }
}
