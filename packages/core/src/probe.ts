/**
 * Probe: is this member there? One round of SWIM's failure detector, with Lifeguard's and memberlist's additions
 * (reference 12.2). It accuses; `claims.ts` decides what an accusation does. One probe at a time.
 *
 *   ping ──── ack within T ───────────────────────────────▶ alive
 *     └─ T over: k indirect pings + a ping on a stream
 *                 ├─ any ack before P ────────────────────▶ alive
 *                 └─ P over: stream ack? ── yes ──────────▶ alive, packets are lost
 *                                          └ no ──────────▶ accuse; blame ourselves for nacks that did not come
 *
 * T is the probe timeout; P the probe interval stretched by our own health score. What happens when a ping is lost: the
 * second line. When this process stood still, a probe ends without a verdict: see `abandon`.
 */
import type { Claims } from "./claims.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Exchanges } from "./exchanges.ts";
import { type IndirectPing, MemberState, MessageType, type Ping, type Suspect } from "./messages.ts";
import type { Shared } from "./shared.ts";
import { TimerKind } from "./timers.ts";

interface ActiveProbe {
  readonly seqNo: number;
  readonly id: number;
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly startedAt: number;
  /** As it was when the probe began: what an accusation would be about. */
  readonly incarnation: number;
  /** P in ms, with the health score of the start. */
  readonly lengthMs: number;
  direct: boolean;
  /** Sending failed at once: success by another way then earns no better health. */
  sendFailed: boolean;
  nacksExpected: number;
  nacksReceived: number;
  relays: string[];
  streamAck: boolean;
}

export class Prober {
  readonly #s: Shared;
  readonly #claims: Claims;
  readonly #exchanges: Exchanges;
  #active: ActiveProbe | undefined;
  /** When the next tick is due: ms. */
  #tickAt = 0;

  constructor(shared: Shared, claims: Claims, exchanges: Exchanges) {
    this.#s = shared;
    this.#claims = claims;
    this.#exchanges = exchanges;
  }

  /** First tick after a random delay, so that no two nodes probe in step. */
  start(): void {
    const interval = this.#s.config.probeIntervalMs;
    if (interval <= 0) return;
    this.#tickAt = this.#s.now + this.#s.rng.jitter.float() * interval;
    this.#s.timers.set(TimerKind.probe, 0, this.#tickAt);
  }

  onTick(): void {
    const s = this.#s;
    // Jittered as it runs, so that nodes in step drift apart; from the last tick's due time, so that waking late does
    // not make the period longer; missed ticks are not made up.
    const intervalMs = s.config.probeIntervalMs;
    const from = s.now - this.#tickAt > intervalMs ? s.now : this.#tickAt;
    this.#tickAt = from + s.rng.jitter.jitter(intervalMs, 0.05);
    s.timers.set(TimerKind.probe, 0, this.#tickAt);
    if (this.#active) return;
    const id = s.table.nextToProbe(s.selfId, s.rng.probe, s.now, s.config.gossipToTheDeadMs, (gone) =>
      this.#claims.onForget(gone),
    );
    if (id >= 0) this.#begin(id);
  }

  /** An ack with the number of the running probe; false when it is not ours. */
  onAck(seqNo: number, payload: Uint8Array | null, from: Endpoint): boolean {
    const probe = this.#active;
    if (!probe || probe.seqNo !== seqNo) return false;
    const s = this.#s;
    const elapsedMs = s.now - probe.startedAt;
    if (probe.direct) {
      s.events.push({
        type: "ping-complete",
        member: s.view(probe.id),
        rttMs: elapsedMs,
        payload: payload ? payload.slice() : null,
      });
    } else {
      const own = from.address === probe.endpoint.address && from.port === probe.endpoint.port;
      const base = { at: s.now, incarnation: probe.incarnation, seqNo, elapsedMs };
      s.evidence(
        probe.name,
        own ? { type: "ack", ...base } : { type: "indirect-ack", via: this.#relayAt(from), ...base },
      );
    }
    this.#succeed(probe);
    return true;
  }

  onNack(seqNo: number, from: Endpoint): boolean {
    const probe = this.#active;
    if (!probe || probe.seqNo !== seqNo) return false;
    const s = this.#s;
    if (probe.nacksReceived <= s.config.indirectChecks) probe.nacksReceived++;
    s.evidence(probe.name, {
      type: "indirect-nack",
      at: s.now,
      incarnation: probe.incarnation,
      seqNo,
      via: this.#relayAt(from),
      elapsedMs: s.now - probe.startedAt,
    });
    return true;
  }

  /** T is over without an ack: ask others, and try a stream (12.2 steps 3 and 4). */
  onTimeout(): void {
    const probe = this.#active;
    if (!probe?.direct) return;
    const s = this.#s;
    probe.direct = false;
    const elapsedMs = s.now - probe.startedAt;
    s.evidence(probe.name, {
      type: "ping-unanswered",
      at: s.now,
      incarnation: probe.incarnation,
      seqNo: probe.seqNo,
      elapsedMs,
    });
    this.#askOthers(probe, elapsedMs);
    const canStream = s.config.streamPings && s.table.record(probe.id).vsn[1]! >= 3;
    const leftMs = probe.startedAt + probe.lengthMs - s.now;
    if (canStream && leftMs > 0) {
      this.#exchanges.ping(probe.endpoint, probe.name, probe.seqNo, leftMs, (reason) => {
        if (reason === undefined) probe.streamAck = true;
        const base = { at: s.now, incarnation: probe.incarnation, elapsedMs: s.now - probe.startedAt };
        s.evidence(
          probe.name,
          reason === undefined
            ? { type: "stream-ping-ack", reason: "", ...base }
            : { type: "stream-ping-failed", reason, ...base },
        );
      });
    }
  }

  /** P is over: the verdict. */
  onEnd(): void {
    const probe = this.#active;
    if (!probe) return;
    const s = this.#s;
    if (probe.streamAck) {
      this.#succeed(probe);
      return;
    }
    this.#finish();
    s.counters.probesFailed++;
    if (probe.nacksExpected > 0) s.awareness.apply(Math.max(0, probe.nacksExpected - probe.nacksReceived));
    else s.awareness.apply(1);
    s.evidence(probe.name, {
      type: "probe-failed",
      at: s.now,
      incarnation: probe.incarnation,
      seqNo: probe.seqNo,
      elapsedMs: s.now - probe.startedAt,
      nacksExpected: probe.nacksExpected,
      nacksReceived: probe.nacksReceived,
      healthScore: s.awareness.score,
    });
    if (s.options.isJudgedElsewhere?.(probe.name)) return;
    this.#claims.applySuspect(probe.incarnation, probe.name, s.name, undefined);
  }

  /** The packet to `to` could not be sent: no use waiting for T. */
  onSendFailure(to: Endpoint): void {
    const probe = this.#active;
    if (!probe?.direct || probe.endpoint.address !== to.address || probe.endpoint.port !== to.port) return;
    probe.sendFailed = true;
    this.#s.timers.clear(TimerKind.probeTimeout);
    this.onTimeout();
  }

  /** Ends the running probe without a verdict: its answers may have come while this process stood still. */
  abandon(): void {
    if (this.#active) this.#finish();
  }

  #begin(id: number): void {
    const s = this.#s;
    s.counters.probes++;
    const record = s.table.record(id);
    const seqNo = s.nextSeqNo();
    const lengthMs = s.awareness.scale(s.config.probeIntervalMs);
    const probe: ActiveProbe = {
      seqNo,
      id,
      name: record.name,
      endpoint: record.endpoint,
      startedAt: s.now,
      incarnation: s.table.incarnation(id),
      lengthMs,
      direct: true,
      sendFailed: false,
      nacksExpected: 0,
      nacksReceived: 0,
      relays: [],
      streamAck: false,
    };
    this.#active = probe;
    s.timers.set(TimerKind.probeTimeout, 0, s.now + Math.min(s.config.probeTimeoutMs, lengthMs));
    s.timers.set(TimerKind.probeEnd, 0, s.now + lengthMs);
    const ping: Ping = {
      type: MessageType.ping,
      seqNo,
      node: record.name,
      sourceAddr: s.options.addr,
      sourcePort: s.options.port,
      sourceNode: s.name,
    };
    if (s.config.buddy && s.table.state(id) === MemberState.suspect) {
      // The buddy system: a suspect hears of it in the very packet that asks it, and can refute at once.
      const suspect: Suspect = {
        type: MessageType.suspect,
        incarnation: probe.incarnation,
        node: record.name,
        from: s.name,
      };
      s.send(record.endpoint, ping, false, record.vsn[1]! >= 5, suspect);
    } else {
      s.send(record.endpoint, ping, true, s.table.isNamed(record.endpoint.address));
    }
  }

  #askOthers(probe: ActiveProbe, elapsedMs: number): void {
    const s = this.#s;
    const relays = s.table.random(
      s.config.indirectChecks,
      s.rng.relays,
      (id) => id !== s.selfId && id !== probe.id && s.table.state(id) === MemberState.alive,
    );
    for (const id of relays) {
      const relay = s.table.record(id);
      const nack = s.config.nacks && relay.vsn[1]! >= 4;
      if (nack) probe.nacksExpected++;
      probe.relays.push(relay.name);
      s.counters.indirectPings++;
      const request: IndirectPing = {
        type: MessageType.indirectPing,
        seqNo: probe.seqNo,
        target: s.table.record(probe.id).addr,
        port: probe.endpoint.port,
        node: probe.name,
        nack,
        sourceAddr: s.options.addr,
        sourcePort: s.options.port,
        sourceNode: s.name,
      };
      s.send(relay.endpoint, request, true, false);
      s.evidence(probe.name, {
        type: "indirect-ping-sent",
        at: s.now,
        incarnation: probe.incarnation,
        seqNo: probe.seqNo,
        via: relay.name,
        elapsedMs,
      });
    }
  }

  #succeed(probe: ActiveProbe): void {
    if (!probe.sendFailed) this.#s.awareness.apply(-1);
    this.#finish();
  }

  #finish(): void {
    this.#active = undefined;
    this.#s.timers.clear(TimerKind.probeTimeout);
    this.#s.timers.clear(TimerKind.probeEnd);
  }

  /** The name of the relay that a packet came from, if it is one of those asked; else "". */
  #relayAt(from: Endpoint): string {
    const s = this.#s;
    for (const name of this.#active?.relays ?? []) {
      const id = s.table.find(name);
      if (id < 0) continue;
      const { address, port } = s.table.record(id).endpoint;
      if (address === from.address && port === from.port) return name;
    }
    return "";
  }
}
