/**
 * One event handler with a queue of its own: it sees its events in order, one run at a time, and holds up nobody else. With
 * Serf, all handlers and the streams of the RPC wait for one another (Serf protocol notes, section 26).
 */
import type { IncomingQuery, Logger } from "@hearsay/node";
import type { AgentEvent } from "../agent/agent-event.ts";
import { RPC_ERRORS, serfText } from "../rpc/errors.ts";
import { oneLine } from "../rpc/join-error.ts";
import { type HandlerSpec, wantedPart } from "./handler-spec.ts";
import { KEPT_OUTPUT_BYTES, runScript, type ScriptRun } from "./run-script.ts";
import { eventTitle, type Self, scriptEnvironment, scriptInput } from "./script-input.ts";

/**
 * What may wait for one handler, some 16,000 events: bytes, as `bytesOf` reckons them. Beyond, the oldest are lost: the newest
 * say more of how things are. A Serf agent does not lose them but stands still, and so do its clients, until its handlers are
 * done; a burst that is sent to one must find room here.
 */
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** An event by itself, and each member in one: bytes in memory, rather too many than too few. */
const EVENT_BYTES = 1024;
const MEMBER_BYTES = 64;
/** A run that takes longer is worth a warning: ms. Serf's number. */
const SLOW_MS = 1000;
/** Characters of an output that the log keeps, from its end: hundreds of such lines are remembered. */
const SHOWN_OUTPUT = 1000;

const RESPOND_WORDS = { ALREADY_ANSWERED: RPC_ERRORS.responseSent, TOO_LATE: RPC_ERRORS.responseLate };

export interface HandlerHost {
  readonly log: Logger;
  self(): Self;
  /** An event was lost, because this handler is too slow; so many wait for it. */
  onLost(handler: EventHandler, waiting: number): void;
  /** A command has ended, and something that it started goes on; `abandon` closes its output. */
  onLeftBehind(abandon: () => void): void;
}

export class EventHandler {
  readonly spec: HandlerSpec;
  readonly #host: HandlerHost;
  readonly #waiting: AgentEvent[] = [];
  #waitingBytes = 0;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;

  constructor(spec: HandlerSpec, host: HandlerHost) {
    this.spec = spec;
    this.#host = host;
  }

  /** Runs the command for what it wants of the event, when its turn has come. */
  offer(event: AgentEvent): void {
    const wanted = wantedPart(this.spec, event);
    if (wanted === undefined || this.#closing.signal.aborted) return;
    this.#waiting.push(wanted);
    this.#waitingBytes += bytesOf(wanted);
    while (this.#waitingBytes > MAX_WAITING_BYTES && this.#waiting.length > 1) {
      this.#take();
      this.#host.onLost(this, this.#waiting.length);
    }
    this.#running ??= this.#runAll();
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What waits is forgotten; what runs goes on without us. Returns how many events waited. */
  close(): number {
    const forgotten = this.#waiting.splice(0);
    this.#waitingBytes = 0;
    this.#closing.abort();
    return forgotten.length;
  }

  async #runAll(): Promise<void> {
    for (let event = this.#take(); event !== undefined; event = this.#take()) await this.#run(event);
    this.#running = undefined;
  }

  #take(): AgentEvent | undefined {
    const event = this.#waiting.shift();
    if (event !== undefined) this.#waitingBytes -= bytesOf(event);
    return event;
  }

  async #run(event: AgentEvent): Promise<void> {
    const { log } = this.#host;
    const { command } = this.spec;
    const slow = setTimeout(
      () => log.warn({}, `Script '${command}' slow, execution exceeding ${SLOW_MS / 1000}s`),
      SLOW_MS,
    ).unref();
    try {
      const run = await runScript(command, {
        environment: scriptEnvironment(event, this.#host.self()),
        input: scriptInput(event),
        signal: this.#closing.signal,
      });
      if (run.abandon !== undefined) this.#host.onLeftBehind(run.abandon);
      this.#tell(event, run);
      if (run.exitCode !== 0) throw new Error(`exit status ${run.exitCode}`);
      // As long as there is anything to say, that is the answer.
      if (event.kind === "query" && run.output.length > 0) await this.#answer(event.query, run.output);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      log.error({}, `Error invoking script '${command}': ${oneLine(String((error as Error).message))}`);
    } finally {
      clearTimeout(slow);
    }
  }

  async #answer(query: IncomingQuery, output: Uint8Array): Promise<void> {
    try {
      await query.respond(output);
    } catch (error) {
      const problem = oneLine(serfText(error, RESPOND_WORDS));
      this.#host.log.warn({}, `Failed to respond to query '${eventTitle({ kind: "query", query })}': ${problem}`);
    }
  }

  #tell(event: AgentEvent, { output, written, abandon }: ScriptRun): void {
    const { log } = this.#host;
    const { command } = this.spec;
    if (written > KEPT_OUTPUT_BYTES) {
      log.warn({}, `Script '${command}' generated ${written} bytes of output, truncated to ${KEPT_OUTPUT_BYTES}`);
    }
    if (abandon !== undefined) {
      log.debug({}, `Script '${command}' has ended, but something that it started keeps its output open`);
    }
    const text = Buffer.from(output).toString();
    const shown = text.length > SHOWN_OUTPUT ? `…${text.slice(-SHOWN_OUTPUT)}` : text;
    log.debug({}, `Event '${event.kind}' script output: ${shown}`);
  }
}

function bytesOf(event: AgentEvent): number {
  if ("members" in event) return EVENT_BYTES + MEMBER_BYTES * event.members.length;
  return EVENT_BYTES + (event.kind === "user" ? event.event : event.query).payload.length;
}
