/**
 * One timer for all nodes of a thread. Waking an idle process up is what a node at rest costs (0.05–0.3 ms of CPU each
 * time, more than its packets), so everything that waits shares one `setTimeout`, nothing wakes up when nothing is due,
 * and with several nodes in a process each says how far it may be put off, so that the deadlines of several are met in
 * one wake-up.
 *
 * After a stall (the event loop stood still, or the machine slept) the sockets are read first: a timeout that fires
 * before the answers waiting in the socket were seen would accuse others of the own silence.
 */

/** Where time comes from: monotonic ms, and a single-shot timer. Tests put their own in. */
export interface TimeSource {
  now(): number;
  /** Calls `wake` once, not before `delayMs` (> 0, whole) have passed. Must not keep the process alive. */
  setTimer(wake: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  /** Calls `turn` after the event loop has looked at its sockets. */
  afterInput(turn: () => void): void;
}

export const systemTime: TimeSource = {
  now: () => performance.now(),
  setTimer: (wake, delayMs) => setTimeout(wake, delayMs).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  // libuv runs timers, then sockets, then immediates: an immediate set by a late timer comes after one look at each
  // socket.
  afterInput: (turn) => void setImmediate(turn),
};

/** A timer later than this was held up by a stall, not by load: ms. */
const STALL_MS = 100;
/** libuv reads at most 32 datagrams of a socket in one turn; after a stall more turns follow while packets come. */
const FULL_TURN = 32;
/** A full receive buffer is read in less; beyond, it is not a backlog but a busy network: ms. */
const MAX_SETTLE_MS = 200;
/** setTimeout's limit. */
const MAX_DELAY_MS = 0x7fff_ffff;

/** From this many alarms on, wake-ups are shared: a node by itself has nobody to share with. */
const SHARING_FROM = 3;
/** One sleeper's place in the scheduler. `wake` is called with the time once its deadline has passed. */
export class Alarm {
  /** Row in the scheduler's columns; -1: none. */
  row: number;
  readonly wake: (now: number) => void;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, wake: (now: number) => void, row: number) {
    this.#scheduler = scheduler;
    this.wake = wake;
    this.row = row;
  }

  /**
   * Wakes between `deadline` and `latest` (monotonic ms, Infinity for never) instead of any time set before; by `alone`
   * where there is nobody to share a wake-up with. Cheap when unchanged.
   */
  set(deadline: number, latest = deadline, alone = deadline): void {
    if (this.row >= 0) this.#scheduler.move(this.row, deadline, latest, alone);
  }

  /**
   * Whether the time has come and the wake-up is still put off. Whoever runs at such a time anyway need not wait for another.
   * False after the latest time: then something held us up, and what waits in the sockets comes first.
   */
  isPutOff(now: number): boolean {
    return this.row >= 0 && this.#scheduler.isPutOff(this.row, now);
  }

  /** Gives the place up. Further `set`s do nothing. */
  close(): void {
    this.#scheduler.remove(this);
  }
}

/**
 * Deadlines stand in columns, not in the alarms: a wake-up, which comes to cold caches, then reads a few lines of memory
 * and not an object for each node. Going through a column of a thousand takes two or three microseconds.
 */
export class Scheduler {
  readonly time: TimeSource;
  /** Counts what sockets delivered; lets the scheduler see when a backlog after a stall has been read. */
  inputs = 0;
  /** How often the timer fired, and how often it found a stall. */
  wakeUps = 0;
  stalls = 0;
  readonly #alarms: Alarm[] = [];
  /** Not to be woken before: monotonic ms; Infinity: asleep. */
  #at = new Float64Array(16);
  /** To be woken by then. */
  #latest = new Float64Array(16);
  readonly #due: Alarm[] = [];
  #timer: unknown;
  /** The `latest` that the timer is set for, the earliest of all; Infinity when it is not. */
  #armedFor = Infinity;
  /** When the timer should fire: not in the past, even if the deadline was. */
  #expectedAt = Infinity;
  /** While firing or settling the timer is left alone; it is set once at the end. */
  #busy = false;
  #settleInputs = 0;
  #settling = false;
  #settleUntil = 0;

  constructor(time: TimeSource = systemTime) {
    this.time = time;
  }

  get size(): number {
    return this.#alarms.length;
  }

  /** For `Alarm.isPutOff`. */
  isPutOff(row: number, now: number): boolean {
    return this.#at[row]! <= now && now <= this.#latest[row]!;
  }

  add(wake: (now: number) => void): Alarm {
    const row = this.#alarms.length;
    if (row === this.#at.length) {
      this.#at = doubled(this.#at);
      this.#latest = doubled(this.#latest);
    }
    this.#at[row] = Infinity;
    this.#latest[row] = Infinity;
    const alarm = new Alarm(this, wake, row);
    this.#alarms.push(alarm);
    return alarm;
  }

  /** For `Alarm.set`. */
  move(row: number, deadline: number, latest: number, alone: number): void {
    const before = this.#latest[row]!;
    const after = Math.max(deadline, this.#alarms.length < SHARING_FROM ? alone : latest);
    this.#at[row] = deadline;
    this.#latest[row] = after;
    if (this.#busy) return;
    if (after < this.#armedFor) this.#arm(after);
    else if (before === this.#armedFor && after !== before) this.#arm(this.#earliest());
  }

  /** For `Alarm.close`. */
  remove(alarm: Alarm): void {
    const { row } = alarm;
    if (row < 0) return;
    const before = this.#latest[row]!;
    alarm.row = -1;
    const last = this.#alarms.pop()!;
    if (last !== alarm) {
      this.#alarms[row] = last;
      this.#at[row] = this.#at[last.row]!;
      this.#latest[row] = this.#latest[last.row]!;
      last.row = row;
    }
    if (!this.#busy && before === this.#armedFor) this.#arm(this.#earliest());
  }

  #earliest(): number {
    const latest = this.#latest;
    const size = this.#alarms.length;
    let earliest = Infinity;
    for (let row = 0; row < size; row++) if (latest[row]! < earliest) earliest = latest[row]!;
    return earliest;
  }

  #arm(target: number): void {
    if (target === this.#armedFor) return;
    if (this.#timer !== undefined) this.time.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#armedFor = target;
    if (target === Infinity) return;
    // libuv counts whole milliseconds, so a timer may come up to one early by this clock, and would have to be set
    // again: one more costs nothing.
    const now = this.time.now();
    this.#expectedAt = Math.max(target, now);
    const delay = Math.min(Math.ceil(this.#expectedAt - now) + 1, MAX_DELAY_MS);
    this.#timer = this.time.setTimer(this.#onTimer, delay);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.wakeUps++;
    if (this.time.now() - this.#expectedAt > STALL_MS) {
      this.stalls++;
      this.#busy = true;
      this.#settling = false;
      this.#settle();
    } else {
      this.#fire();
    }
  };

  readonly #settle = (): void => {
    const read = this.inputs - this.#settleInputs;
    this.#settleInputs = this.inputs;
    const now = this.time.now();
    if (this.#settling && (read < FULL_TURN || now >= this.#settleUntil)) {
      this.#fire();
      return;
    }
    if (!this.#settling) this.#settleUntil = now + MAX_SETTLE_MS;
    this.#settling = true;
    this.time.afterInput(this.#settle);
  };

  #fire(): void {
    this.#armedFor = Infinity;
    this.#busy = true;
    const now = this.time.now();
    const due = this.#due;
    // Put all that are due to sleep first: each is woken once in a firing, whatever deadline it sets then.
    for (let row = 0; row < this.#alarms.length; row++) {
      if (this.#at[row]! > now) continue;
      due.push(this.#alarms[row]!);
      this.#at[row] = Infinity;
      this.#latest[row] = Infinity;
    }
    let failure: unknown;
    let failed = false;
    for (let i = 0; i < due.length; i++) {
      const alarm = due[i]!;
      if (alarm.row < 0) continue;
      try {
        alarm.wake(this.time.now());
      } catch (error) {
        // One node's bug is not another's: the rest are woken before it surfaces.
        failed = true;
        failure = error;
      }
    }
    due.length = 0;
    this.#busy = false;
    this.#arm(this.#earliest());
    if (failed) throw failure;
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

let shared: Scheduler | undefined;

/** The thread's scheduler. */
export function sharedScheduler(): Scheduler {
  shared ??= new Scheduler();
  return shared;
}
