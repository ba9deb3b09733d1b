/** The keys of a pool without a network: every live member does what it is told, in Serf 0.9.4's words. */
import type { KeyResult, PoolKeys } from "@hearsay/node";
import type { FakeNode } from "./fake-node.ts";

const NO_ENCRYPTION = "(encryption not enabled)";

export class FakeKeys implements PoolKeys {
  readonly #node: FakeNode;

  constructor(node: FakeNode) {
    this.#node = node;
  }

  install(key: Uint8Array | string): Promise<KeyResult> {
    return this.#change("install", key, (ring, text) => {
      if (![16, 24, 32].includes(Buffer.from(text, "base64").length)) return "key size must be 16, 24 or 32 bytes";
      if (!ring.includes(text)) ring.push(text);
      return "";
    });
  }

  use(key: Uint8Array | string): Promise<KeyResult> {
    return this.#change("use", key, (ring, text) => {
      if (!ring.includes(text)) return "Requested key is not in the keyring";
      ring.splice(0, ring.length, text, ...ring.filter((other) => other !== text));
      return "";
    });
  }

  remove(key: Uint8Array | string): Promise<KeyResult> {
    return this.#change("remove", key, (ring, text) => {
      if (ring[0] === text) return "Removing the primary key is not allowed";
      ring.splice(0, ring.length, ...ring.filter((other) => other !== text));
      return "";
    });
  }

  async list(): Promise<KeyResult> {
    await this.#node.record("keys.list");
    const keys: Record<string, number> = {};
    const primaryKeys: Record<string, number> = {};
    return this.#ask(
      (ring) => {
        if (ring === undefined) return `Keyring is empty ${NO_ENCRYPTION}`;
        for (const key of ring) keys[key] = (keys[key] ?? 0) + 1;
        primaryKeys[ring[0]!] = (primaryKeys[ring[0]!] ?? 0) + 1;
        return "";
      },
      { keys, primaryKeys },
    );
  }

  async #change(name: string, key: Uint8Array | string, change: (ring: string[], text: string) => string) {
    const text = typeof key === "string" ? key : Buffer.from(key).toString("base64");
    await this.#node.record(`keys.${name}`, text);
    return this.#ask((ring) => (ring === undefined ? `No keyring to modify ${NO_ENCRYPTION}` : change(ring, text)), {
      keys: {},
      primaryKeys: {},
    });
  }

  /** @param ask does it to one member's ring, and says what went wrong there */
  #ask(ask: (ring: string[] | undefined) => string, found: Pick<KeyResult, "keys" | "primaryKeys">): KeyResult {
    const alive = this.#node.members().filter(({ status }) => status === "alive");
    const silent = alive.map(({ name }) => name).filter((name) => this.#node.silent.has(name));
    const messages: Record<string, string> = {};
    for (const { name } of alive) {
      if (silent.includes(name)) continue;
      const message = ask(this.#node.ringOf(name));
      if (message !== "") messages[name] = message;
    }
    const nodes = alive.length;
    const errors = Object.keys(messages).length;
    const responses = nodes - silent.length;
    let error = "";
    if (errors > 0) error = `${errors}/${nodes} nodes reported failure`;
    else if (responses < nodes) error = `${responses}/${nodes} nodes reported success`;
    return { ok: error === "", error, nodes, responses, errors, messages, silent, ...found };
  }
}
