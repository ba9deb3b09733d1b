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
  /** Not to be woken before: monotonic ms; Infinity: asleep. */
  at = Infinity;
  /** What the owner allows, whether or not it is made use of. */
  asked = Infinity;
  /** To be woken by then; the heap's key. */
  latest = Infinity;
  /** Place in the heap; -1: none. */
  place = -1;
  readonly wake: (now: number) => void;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, wake: (now: number) => void) {
    this.#scheduler = scheduler;
    this.wake = wake;
  }

  /**
   * Wakes between `deadline` and `latest` (monotonic ms, Infinity for never) instead of any time set before; at
   * `deadline` where there is nobody to share a wake-up with. Cheap when unchanged.
   */
  set(deadline: number, latest = deadline): void {
    if (deadline !== this.at || latest !== this.asked) this.#scheduler.move(this, deadline, latest);
  }

  /** Gives the place up. Further `set`s do nothing. */
  close(): void {
    this.#scheduler.remove(this);
  }
}

export class Scheduler {
  readonly time: TimeSource;
  /** Counts what sockets delivered; lets the scheduler see when a backlog after a stall has been read. */
  inputs = 0;
  /** How often the timer fired, and how often it found a stall. */
  wakeUps = 0;
  stalls = 0;
  /** Min-heap on `latest`. Alarms that sleep for ever stay in it: they are at the bottom. */
  readonly #heap: Alarm[] = [];
  readonly #due: Alarm[] = [];
  #timer: unknown;
  /** The `latest` that the timer is set for; Infinity when it is not. */
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
    return this.#heap.length;
  }

  add(wake: (now: number) => void): Alarm {
    const alarm = new Alarm(this, wake);
    alarm.place = this.#heap.length;
    this.#heap.push(alarm);
    return alarm;
  }

  /** For `Alarm.set`. */
  move(alarm: Alarm, deadline: number, latest: number): void {
    if (alarm.place < 0) return;
    const before = alarm.latest;
    alarm.at = deadline;
    alarm.asked = latest;
    alarm.latest = this.#heap.length < SHARING_FROM ? deadline : Math.max(deadline, latest);
    if (alarm.latest < before) this.#up(alarm, alarm.place);
    else this.#down(alarm, alarm.place);
    if (!this.#busy) this.#arm();
  }

  /** For `Alarm.close`. */
  remove(alarm: Alarm): void {
    const place = alarm.place;
    if (place < 0) return;
    alarm.place = -1;
    alarm.at = Infinity;
    alarm.latest = Infinity;
    const last = this.#heap.pop()!;
    if (last !== alarm) {
      this.#up(last, place);
      this.#down(last, last.place);
    }
    if (!this.#busy) this.#arm();
  }

  #arm(): void {
    const target = this.#heap.length > 0 ? this.#heap[0]!.latest : Infinity;
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
    const heap = this.#heap;
    const due = this.#due;
    // Put all that are due to sleep first: each is woken once in a firing, whatever deadline it sets then.
    for (let i = 0; i < heap.length; i++) {
      const alarm = heap[i]!;
      if (alarm.at > now) continue;
      due.push(alarm);
      alarm.at = Infinity;
      alarm.latest = Infinity;
    }
    for (let place = (heap.length >> 1) - 1; place >= 0; place--) this.#down(heap[place]!, place);
    let failure: unknown;
    let failed = false;
    for (let i = 0; i < due.length; i++) {
      const alarm = due[i]!;
      if (alarm.place < 0) continue;
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
    this.#arm();
    if (failed) throw failure;
  }

  #up(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = heap[parent]!;
      if (other.latest <= alarm.latest) break;
      heap[place] = other;
      other.place = place;
      place = parent;
    }
    heap[place] = alarm;
    alarm.place = place;
  }

  #down(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    const half = heap.length >> 1;
    let place = from;
    while (place < half) {
      let child = 2 * place + 1;
      if (child + 1 < heap.length && heap[child + 1]!.latest < heap[child]!.latest) child++;
      const other = heap[child]!;
      if (other.latest >= alarm.latest) break;
      heap[place] = other;
      other.place = place;
      place = child;
    }
    heap[place] = alarm;
    alarm.place = place;
  }
}

let shared: Scheduler | undefined;

/** The thread's scheduler. */
export function sharedScheduler(): Scheduler {
  shared ??= new Scheduler();
  return shared;
}
