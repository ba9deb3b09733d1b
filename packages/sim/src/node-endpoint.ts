/** An endpoint that knows whose it is: a large world asks that of each packet, and text is slow to look up. */
import type { Endpoint } from "@hearsay/core";

export class NodeEndpoint implements Endpoint {
  readonly address: string;
  readonly port: number;
  readonly #index: number;

  /** @param index of the node in its world */
  constructor(address: string, port: number, index: number) {
    this.address = address;
    this.port = port;
    this.#index = index;
  }

  static indexOf(endpoint: Endpoint): number {
    return #index in endpoint ? endpoint.#index : -1;
  }
}

/** The index that an endpoint carries, or -1; to be checked against the node there. */
export const { indexOf } = NodeEndpoint;
