/**
 * The evidence log: why a member is thought what it is thought (design, rule 6). Not a detector and not a log file: a
 * bounded ring of observations per member, kept only for members that something happened to.
 */

/** One observation. `at` is the machine's monotonic ms; drivers translate to wall time. */
export type Evidence = { readonly at: number; readonly incarnation: number } & (
  | {
      /** Our own probe: a direct ping had no ack in time, or was answered. */
      readonly type: "ping-sent" | "ping-unanswered" | "ack";
      readonly seqNo: number;
      /** ms since the ping left. */
      readonly elapsedMs: number;
    }
  | {
      /** Our request to others to ping it, their nack ("I reach you, not it"), or their ack. */
      readonly type: "indirect-ping-sent" | "indirect-nack" | "indirect-ack";
      readonly seqNo: number;
      /** The relay. Not known for an ack or nack that gives no name: "". */
      readonly via: string;
      readonly elapsedMs: number;
    }
  | {
      /** The ping over TCP. */
      readonly type: "stream-ping-failed" | "stream-ping-ack";
      readonly reason: string;
      readonly elapsedMs: number;
    }
  | {
      /** A probe is over without any answer: we accuse. */
      readonly type: "probe-failed";
      readonly seqNo: number;
      readonly elapsedMs: number;
      readonly nacksExpected: number;
      readonly nacksReceived: number;
      /** Our own health score at that time: above 0 we may be the slow one. */
      readonly healthScore: number;
    }
  | {
      /** Its heartbeats stay away, by the judgement of another detector (phi accrual): we accuse. */
      readonly type: "silent";
      readonly phi: number;
      /** ms since its last heartbeat was heard. */
      readonly silentMs: number;
    }
  | {
      /** Somebody accuses it first, or confirms (`from`); with the wait that this leaves. */
      readonly type: "suspected" | "confirmed";
      readonly from: string;
      /** ms until it is declared dead unless it refutes. */
      readonly remainingMs: number;
      readonly confirmations: number;
      readonly confirmationsWanted: number;
    }
  | {
      /** Declared dead: by our own timer (`from` is the local name) or told by `from`. */
      readonly type: "dead";
      readonly from: string;
      /** ms since it was first suspected here; -1 if it never was. */
      readonly suspectedForMs: number;
    }
  | { readonly type: "left" | "alive" | "joined" | "refuted"; readonly from: string }
  | {
      /** The name claimed from another address. */
      readonly type: "conflict" | "moved";
      readonly address: string;
      readonly port: number;
    }
  | {
      /** This process stood still: what it did not hear in that time is no evidence against anyone. */
      readonly type: "stalled";
      readonly lateMs: number;
    }
);

export type EvidenceType = Evidence["type"];
