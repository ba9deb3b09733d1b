/** What the agent tells event handlers and RPC streams: the node's events as Serf's agent passes them on. */
import type { IncomingQuery, Member, UserEvent } from "@hearsay/node";

export type MemberEventKind = "member-join" | "member-leave" | "member-failed" | "member-update" | "member-reap";

export type AgentEvent =
  /** Several members where they were coalesced. */
  | { readonly kind: MemberEventKind; readonly members: readonly Member[] }
  | { readonly kind: "user"; readonly event: UserEvent }
  | { readonly kind: "query"; readonly query: IncomingQuery };
