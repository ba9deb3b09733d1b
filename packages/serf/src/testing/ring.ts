/** A keyring as the machine sees one, in memory, with Serf's words for what it refuses. For tests only. */
import type { KeyringPort } from "../types.ts";

/** Sixteen bytes that differ by `n`. */
export function key(n: number): Uint8Array {
  return new Uint8Array(16).fill(7).fill(n, 8);
}

/** A ring of `key(n)` for each number, the first of which is the primary. */
export function ring(...numbers: readonly number[]): KeyringPort {
  let keys = numbers.map(key);
  const same = (a: Uint8Array) => (b: Uint8Array) => a.join() === b.join();
  return {
    install: (one) => {
      if (!keys.some(same(one))) keys.push(one);
    },
    use: (one) => {
      if (!keys.some(same(one))) throw new Error("requested key is not in the keyring");
      keys = [one, ...keys.filter((other) => !same(one)(other))];
    },
    remove: (one) => {
      if (keys[0] && same(one)(keys[0])) throw new Error("removing the primary key is not allowed");
      keys = keys.filter((other) => !same(one)(other));
    },
    keys: () => keys,
  };
}
