/** A key operation as the one who asks sees it: counts what everybody answers (serf protocol notes, section 11.3). */
import type { QuerySink } from "./asked-queries.ts";
import { type KeyResponse, readKeyResponse } from "./key-messages.ts";
import { SerfType } from "./messages.ts";
import type { KeyOperation, KeyOperationResult } from "./types.ts";

/** The query that asks for an operation. */
export const keyQueryNames: Readonly<Record<KeyOperation, string>> = {
  install: "_serf_install-key",
  use: "_serf_use-key",
  remove: "_serf_remove-key",
  list: "_serf_list-keys",
};

export class KeyTally implements QuerySink {
  readonly #alive: ReadonlySet<string>;
  readonly #onResult: (result: KeyOperationResult) => void;
  readonly #heard = new Set<string>();
  readonly #messages = new Map<string, string>();
  readonly #keys = new Map<string, number>();
  readonly #primaryKeys = new Map<string, number>();
  #errors = 0;

  /** @param alive names of those who are asked, ourselves included */
  constructor(alive: ReadonlySet<string>, onResult: (result: KeyOperationResult) => void) {
    this.#alive = alive;
    this.#onResult = onResult;
  }

  onResponse(from: string, payload: Uint8Array): void {
    this.#heard.add(from);
    const response = payload[0] === SerfType.keyResponse ? readKeyResponse(payload) : undefined;
    if (response) this.#count(from, response);
    else {
      this.#errors++;
      const what =
        payload[0] === SerfType.keyResponse
          ? "Failed to decode key query response: it is malformed"
          : `Invalid key query response type: ${payload[0] ?? "none"}`;
      this.#messages.set(from, what);
    }
  }

  onDone(): void {
    const nodes = this.#alive.size;
    const responses = this.#heard.size;
    const silent = [...this.#alive].filter((name) => !this.#heard.has(name)).sort();
    this.#onResult({
      nodes,
      responses,
      errors: this.#errors,
      messages: sorted(this.#messages),
      keys: sorted(this.#keys),
      primaryKeys: sorted(this.#primaryKeys),
      silent,
      error: this.#error(nodes, silent.length),
    });
  }

  #count(from: string, { result, message, keys, primaryKey }: KeyResponse): void {
    if (!result) this.#errors++;
    if (message !== "" || !result) this.#messages.set(from, message);
    for (const key of new Set(keys ?? [])) this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    if (primaryKey !== "") this.#primaryKeys.set(primaryKey, (this.#primaryKeys.get(primaryKey) ?? 0) + 1);
  }

  /** By who is silent and not by the number of answers, as Serf: one from a newcomer makes up for nobody. */
  #error(nodes: number, silent: number): string {
    if (this.#errors > 0) return `${this.#errors}/${nodes} nodes reported failure`;
    return silent === 0 ? "" : `${nodes - silent}/${nodes} nodes reported success`;
  }
}

function sorted<V>(map: ReadonlyMap<string, V>): Map<string, V> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}
