/**
 * Who belongs to a pool, numbered, as everyone in it knows from a configuration file: the heartbeat strategies have no way
 * of joining, only of telling who of these is there. IPv4, one member at an address.
 */
import { addressBytes, type Endpoint } from "@hearsay/core";
import { getU32 } from "./fields.ts";

/** A member on the wire: its address and port. */
export const memberBytes = 6;

export class Roster {
  readonly endpoints: readonly Endpoint[];
  /** Address and port of each member in one row, as on the wire. */
  readonly #wire: Uint8Array;
  readonly #byText = new Map<string, number>();
  readonly #byAddress = new Map<number, number>();

  /** @throws RangeError for an address that is no IPv4 address, or is there twice. */
  constructor(endpoints: readonly Endpoint[]) {
    this.endpoints = endpoints;
    this.#wire = new Uint8Array(memberBytes * endpoints.length);
    for (const [member, { address, port }] of endpoints.entries()) {
      const bytes = addressBytes(address);
      if (bytes?.length !== 4) throw new RangeError(`roster: ${address} is no IPv4 address`);
      if (this.#byText.has(address)) throw new RangeError(`roster: ${address} is there twice`);
      this.#wire.set([...bytes, port >> 8, port & 255], memberBytes * member);
      this.#byText.set(address, member);
      this.#byAddress.set(getU32(bytes, 0), member);
    }
  }

  get length(): number {
    return this.endpoints.length;
  }

  /** The number of the member at an endpoint, or -1. */
  find(endpoint: Endpoint): number {
    const member = this.#byText.get(endpoint.address) ?? -1;
    return member >= 0 && this.endpoints[member]!.port === endpoint.port ? member : -1;
  }

  /** Writes a member at `at`; returns the place behind it. */
  put(target: Uint8Array, at: number, member: number): number {
    const row = memberBytes * member;
    for (let i = 0; i < memberBytes; i++) target[at + i] = this.#wire[row + i]!;
    return at + memberBytes;
  }

  /** The number of the member written at `at`, or -1. */
  get(bytes: Uint8Array, at: number): number {
    const member = this.#byAddress.get(getU32(bytes, at)) ?? -1;
    return member >= 0 && this.endpoints[member]!.port === ((bytes[at + 4]! << 8) | bytes[at + 5]!) ? member : -1;
  }
}
