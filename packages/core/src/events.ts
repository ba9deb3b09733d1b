/** What the machine reports upward. In order of happening, each once. */
import type { Endpoint } from "./endpoint.ts";
import type { Evidence } from "./evidence.ts";
import type { MemberStateName } from "./messages.ts";

/** A member as this node sees it. A snapshot; its bytes are shared and must not be changed. */
export interface MemberView {
  readonly name: string;
  /** As on the wire, 4 or 16 bytes. */
  readonly addr: Uint8Array;
  readonly port: number;
  readonly endpoint: Endpoint;
  readonly meta: Uint8Array;
  /** Six version bytes (reference 9.2). */
  readonly vsn: Uint8Array;
  readonly incarnation: number;
  readonly state: MemberStateName;
  /** ms of the last change of state. */
  readonly since: number;
}

export type SwimEvent =
  /** Suspect members are still members: `member-suspect` is followed by `member-refuted` or `member-leave`. */
  | {
      readonly type: "member-join" | "member-update" | "member-suspect" | "member-refuted";
      readonly member: MemberView;
    }
  /** Dead or left: `member.state` says which. */
  | { readonly type: "member-leave"; readonly member: MemberView }
  /** A name claimed from another address than the one that holds it. The claim had no effect. */
  | {
      readonly type: "conflict";
      readonly held: MemberView;
      readonly address: string;
      readonly port: number;
      /** It is our own name, and the other holder answers there. */
      readonly own: boolean;
    }
  /** A user message; `payload` belongs to the reader of the event. */
  | { readonly type: "user-message"; readonly payload: Uint8Array; readonly from: Endpoint | undefined }
  /** User state from a push/pull, after its node list has taken effect. */
  | {
      readonly type: "remote-state";
      readonly payload: Uint8Array;
      readonly join: boolean;
      /** We began the exchange. */
      readonly initiator: boolean;
    }
  /** A periodic probe answered directly and in time. */
  | {
      readonly type: "ping-complete";
      readonly member: MemberView;
      readonly rttMs: number;
      readonly payload: Uint8Array | null;
    }
  | { readonly type: "join-result"; readonly id: number; readonly to: Endpoint; readonly error: string | undefined }
  /** A broadcast has been sent its number of times, or there was nobody to send it to. */
  | { readonly type: "broadcast-done"; readonly id: number }
  /** Our leave has been spread, as far as it could be. */
  | { readonly type: "left-pool" }
  /** No other member is alive any more / again. */
  | { readonly type: "isolated" }
  | { readonly type: "reconnected" }
  | { readonly type: "merge-refused"; readonly peer: Endpoint; readonly reason: string }
  /** Each entry of the evidence log as it is made. */
  | { readonly type: "evidence"; readonly name: string; readonly evidence: Evidence }
  /** One for each refusal; the counters have the sums. */
  | { readonly type: "dropped"; readonly reason: string; readonly peer: string };
