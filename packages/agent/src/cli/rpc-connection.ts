/** How a command finds its agent and speaks to it. */
import type { RpcClient, RpcError } from "../rpc/client.ts";
import { oneLine } from "../rpc/join-error.ts";
import { type Call, CommandError, type FlagSpec, UsageError } from "./spec.ts";

export const DEFAULT_RPC_ADDR = "127.0.0.1:7373";

export const RPC_FLAGS: readonly FlagSpec[] = [
  {
    name: "rpc-addr",
    value: "HOST:PORT",
    help: `The agent's RPC address. Default: HEARSAY_RPC_ADDR, else SERF_RPC_ADDR, else ${DEFAULT_RPC_ADDR}.`,
  },
  {
    name: "rpc-auth",
    value: "TOKEN",
    help: "The agent's RPC token, if it asks for one. Default: HEARSAY_RPC_AUTH, else SERF_RPC_AUTH.",
  },
];

/**
 * Connects, lets `use` work, and closes. What goes wrong becomes a CommandError: one line that begins with `failing` once
 * there is a connection.
 */
export async function withAgent<T>(call: Call, failing: string, use: (client: RpcClient) => Promise<T>): Promise<T> {
  const { env } = call.io;
  // A variable that is set to nothing is none, as for Serf.
  const text = call.flags.text("rpc-addr") ?? (env.HEARSAY_RPC_ADDR || env.SERF_RPC_ADDR || DEFAULT_RPC_ADDR);
  const token = call.flags.text("rpc-auth") ?? (env.HEARSAY_RPC_AUTH || env.SERF_RPC_AUTH || "");
  const { host, port } = parseRpcAddress(text);
  const { RpcClient } = await import("../rpc/client.ts");
  let client: RpcClient;
  try {
    client = await RpcClient.connect({ host, port, token });
  } catch (error) {
    const { code, message } = error as RpcError;
    const hint = code === "UNREACHABLE" ? '; start one with "hearsay agent", or say with -rpc-addr where it is' : "";
    throw new CommandError(`Error connecting to the agent at ${text}: ${message}${tokenHint(message)}${hint}`);
  }
  try {
    return await use(client);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // The agent's own words stay as they are; what to do about them follows.
    const message = oneLine((error as Error).message);
    throw new CommandError(`${failing}: ${message}${tokenHint(message)}`);
  } finally {
    await client.close();
  }
}

function tokenHint(message: string): string {
  if (message === "Invalid authentication token") return "; check -rpc-auth";
  return message === "Authentication required" ? "; give the agent's token with -rpc-auth" : "";
}

/** `host:port`, `host`, `[v6]:port`, `:port` (an empty host: this machine, to listen all of it). Throws UsageError. */
export function parseRpcAddress(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = portText === undefined ? 7373 : Number(portText);
  const host = bracketed ?? plain;
  if (host === undefined || (host === "" && portText === undefined) || port > 65535) {
    throw new UsageError(`-rpc-addr: "${text}" is no address; write HOST:PORT, such as ${DEFAULT_RPC_ADDR}`);
  }
  return { host, port };
}
