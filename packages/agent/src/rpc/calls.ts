/** Calls on one connection whose answers are wanted: an error answer becomes an RpcError, a body is read. */
import type { CallOptions } from "@hearsay/node";
import type { CallSpec, RpcConnection } from "./connection.ts";
import type { ResponseHeader } from "./messages.ts";
import { messageOf, RpcError } from "./rpc-error.ts";

export class Calls {
  readonly connection: RpcConnection;

  constructor(connection: RpcConnection) {
    this.connection = connection;
  }

  /** Rejects with REFUSED for an error answer, whose body, if any, is dropped. */
  async call(spec: CallSpec, options?: CallOptions): Promise<Uint8Array> {
    const { header, body } = await this.connection.call(spec, options);
    if (header.error !== "") throw new RpcError("REFUSED", header.error);
    return body ?? new Uint8Array(0);
  }

  /** The same for a command that is answered with a body. */
  async read<T>(spec: CallSpec, decode: (bytes: Uint8Array) => T, options?: CallOptions): Promise<T> {
    return readBody(await this.call({ expectBody: onSuccess, ...spec }, options), decode);
  }
}

const onSuccess = ({ error }: ResponseHeader): boolean => error === "";

/** Rejects with BAD_ANSWER what `decode` throws at. */
export function readBody<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(bytes);
  } catch (error) {
    throw new RpcError("BAD_ANSWER", `an answer that cannot be read (${messageOf(error)})`, error);
  }
}
