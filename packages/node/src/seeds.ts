/**
 * When to try the seeds. Not who they are and not how: a clockless plan that says what is due.
 *
 * Three situations: at start (at once, and again with growing pauses until somebody is there); isolated (the same
 * again); in company (now and then a look whether a seed's address belongs to no member we hold alive: then the pool
 * is split, or the seed came back under a new name, and joining it mends that, even after both sides have forgotten
 * each other).
 */

export interface SeedPlanOptions {
  /** First pause after a round in vain: ms; doubles up to `maxPauseMs`. Each is drawn from half to whole. */
  readonly pauseMs?: number;
  readonly maxPauseMs?: number;
  /** In company, a look is due after one to two of these: ms. */
  readonly lookIntervalMs?: number;
  /** Nothing is due before there has been company. Default false. */
  readonly lazy?: boolean;
  /** 0 … <1. */
  random(): number;
}

export type SeedTask =
  /** Join all seeds. */
  | "join"
  /** Join those seeds that no alive member answers for. */
  | "look";

export class SeedPlan {
  readonly #pauseMs: number;
  readonly #maxPauseMs: number;
  readonly #lookIntervalMs: number;
  readonly #random: () => number;
  #alone = true;
  #fruitless = 0;
  #running = false;
  #due = -Infinity;

  constructor(options: SeedPlanOptions) {
    this.#pauseMs = options.pauseMs ?? 1000;
    this.#maxPauseMs = options.maxPauseMs ?? 30_000;
    this.#lookIntervalMs = options.lookIntervalMs ?? 60_000;
    this.#random = options.random;
    if (options.lazy) this.#due = Infinity;
  }

  /** Monotonic ms of the next task; Infinity while one runs. */
  get deadline(): number {
    return this.#running ? Infinity : this.#due;
  }

  /** The task that is due, which then runs until `done`; undefined when none is. */
  take(now: number): SeedTask | undefined {
    if (this.#running || now < this.#due) return undefined;
    this.#running = true;
    return this.#alone ? "join" : "look";
  }

  /** The task is over. */
  done(now: number): void {
    this.#running = false;
    if (this.#alone) this.#due = now + this.#nextPause();
    else this.#planLook(now);
  }

  /** No other member is alive. All seeds may have gone down together and all come back: the first try is spread too. */
  isolated(now: number): void {
    if (this.#alone) return;
    this.#alone = true;
    this.#fruitless = 0;
    this.#due = now + this.#random() * this.#pauseMs;
  }

  /** There is company. */
  accompanied(now: number): void {
    if (!this.#alone) return;
    this.#alone = false;
    this.#fruitless = 0;
    this.#planLook(now);
  }

  #planLook(now: number): void {
    this.#due = now + this.#lookIntervalMs * (1 + this.#random());
  }

  #nextPause(): number {
    const whole = Math.min(this.#pauseMs * 2 ** this.#fruitless++, this.#maxPauseMs);
    return whole * (0.5 + this.#random() / 2);
  }
}

/** How many looks an address is left out of after it answered and still was no member's: it is a name for one
 *  (a load balancer's, or one behind address translation). */
const ALIAS_PAUSE_LOOKS = 10;

/** Remembers seed addresses that belong to no member though they answer. Pure. */
export class SeedAliases {
  readonly #pauses = new Map<string, number>();

  /** Whether this address (as text) shall be joined in this look. */
  worthTrying(address: string): boolean {
    const left = this.#pauses.get(address) ?? 0;
    if (left <= 0) return true;
    this.#pauses.set(address, left - 1);
    return false;
  }

  /** It answered; `isMember`: and is a member's now. */
  answered(address: string, isMember: boolean): void {
    if (isMember) this.#pauses.delete(address);
    // Addresses come from DNS and could be new each time.
    else if (this.#pauses.size < 256) this.#pauses.set(address, ALIAS_PAUSE_LOOKS);
  }
}
