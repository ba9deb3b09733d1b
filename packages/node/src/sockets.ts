/**
 * A UDP socket and a TCP server on one address and one port. Opens both or none; knows nothing of protocols.
 */

import { createSocket, type SocketOptions, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6, type Server as TcpServer } from "node:net";
import { formatEndpoint } from "@hearsay/core";
import { bindError, systemCode, throwIfAborted } from "./errors.ts";

/** What memberlist asks for. The default holds 92 full packets: a pause of 10 ms under load. */
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;
const SMALLEST_RECEIVE_BUFFER_BYTES = 64 * 1024;
/** How many ports free for UDP are tried for one that is free for TCP too. */
const FREE_PORT_TRIES = 50;
/** Connections waiting to be accepted; the system may allow fewer. A whole pool may join through one seed at once. */
const BACKLOG = 1024;

export interface Sockets {
  readonly udp: UdpSocket;
  readonly tcp: TcpServer;
  /** What is bound: address text (may be a wildcard) and the real port. */
  readonly address: string;
  readonly port: number;
  /** 6: bound to an IPv6 address. IPv4 peers are then reached as mapped addresses, if it is the wildcard. */
  readonly family: 4 | 6;
}

/**
 * Binds `address` (IP text) and `port` (0: one that is free for both).
 * @throws NodeError ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, BIND_FAILED, ABORTED; nothing is left open then.
 */
export async function openSockets(address: string, port: number, signal?: AbortSignal): Promise<Sockets> {
  const family = isIPv6(address) ? 6 : 4;
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal, "binding");
    const udp = await bindUdp(address, port, family);
    const bound = udp.address().port;
    try {
      const tcp = await listenTcp(address, bound);
      return { udp, tcp, address, port: bound, family };
    } catch (error) {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      const taken = port === 0 && tries < FREE_PORT_TRIES && systemCode(error) === "EADDRINUSE";
      if (!taken) throw bindError(error, formatEndpoint({ address, port: bound }), "TCP");
    }
  }
}

export async function closeSockets(sockets: Sockets): Promise<void> {
  await Promise.all([
    new Promise<void>((resolve) => sockets.udp.close(() => resolve())),
    new Promise<void>((resolve) => sockets.tcp.close(() => resolve())),
  ]);
}

/**
 * The source address as the machine shall see it: an IPv4 peer of an IPv6 socket reads as IPv4, and a zone
 * (`fe80::1%eth0`) is cut off. The same string when there is nothing to do.
 */
export function plainAddress(address: string): string {
  // ::ffff:1.2.3.4
  if (address.charCodeAt(0) === 58 && address.startsWith("::ffff:") && address.includes(".", 7))
    return address.slice(7);
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}

/** The address as a socket of `family` dials it. */
export function socketAddress(address: string, family: 4 | 6): string {
  return family === 6 && !address.includes(":") ? `::ffff:${address}` : address;
}

type LookupDone = (error: null, address: string, family: number) => void;

/**
 * Stands in for DNS where addresses are literals: answers at once, so that a send is done when `send` returns (the
 * built-in one takes a turn, and 0.2 µs).
 */
function literalLookup(address: string, family: unknown, done: LookupDone): void {
  done(null, address, family === 6 ? 6 : 4);
}

function bindUdp(address: string, port: number, family: 4 | 6): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const udp = createSocket({
      type: family === 6 ? "udp6" : "udp4",
      lookup: literalLookup as NonNullable<SocketOptions["lookup"]>,
    });
    const fail = (error: Error) => {
      udp.close();
      reject(bindError(error, formatEndpoint({ address, port }), "UDP"));
    };
    udp.once("error", fail);
    // exclusive: under node:cluster a worker gets its own socket, not a share of one.
    udp.bind({ address, port, exclusive: true }, () => {
      udp.removeListener("error", fail);
      askForReceiveBuffer(udp);
      resolve(udp);
    });
  });
}

/** Linux grants what it may and says nothing; others refuse what is too much. */
function askForReceiveBuffer(udp: UdpSocket): void {
  for (let bytes = RECEIVE_BUFFER_BYTES; bytes >= SMALLEST_RECEIVE_BUFFER_BYTES; bytes /= 2) {
    try {
      udp.setRecvBufferSize(bytes);
      return;
    } catch {
      // Ask for less; with the system's own default in the end.
    }
  }
}

/** Rejects with the system's own error. */
function listenTcp(address: string, port: number): Promise<TcpServer> {
  return new Promise((resolve, reject) => {
    // Half-open: the peer may end its side before our answer is written.
    const tcp = createServer({ allowHalfOpen: true, noDelay: true });
    tcp.once("error", reject);
    tcp.listen({ host: address, port, backlog: BACKLOG, exclusive: true }, () => {
      tcp.removeListener("error", reject);
      resolve(tcp);
    });
  });
}
