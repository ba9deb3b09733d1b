/**
 * The multicast sockets of one address family: one on port 5353 that hears what the group is asked, and for each interface one
 * of its own to ask from, where answers come back to. Knows nothing of what is asked.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { networkInterfaces, platform } from "node:os";

export interface Sender {
  /** IP address text, IPv6 perhaps with a zone. */
  readonly address: string;
  readonly port: number;
}

export interface Link {
  /** To the group, on every interface. */
  ask(packet: Uint8Array): void;
  answer(packet: Uint8Array, to: Sender): void;
  /** Takes to interfaces that have come, asking there what was asked last, and lets go of those that have gone. */
  refresh(): void;
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly family: 4 | 6;
  /** Only this interface. Default: all but the loopback; where there is no other, what the system chooses. */
  readonly interfaceName: string | undefined;
  /** Bytes are borrowed for the call. */
  readonly receive: (bytes: Uint8Array, from: Sender) => void;
  /** Something could not be sent, or an interface not be used. */
  readonly onProblem: (problem: string) => void;
}

/** Rejects when the group cannot be listened to. */
export type OpenLink = (options: LinkOptions) => Promise<Link>;

export const MDNS_PORT = 5353;
const GROUP = { 4: "224.0.0.251", 6: "ff02::fb" } as const;
/** Interfaces used; a container host may have hundreds that lead nowhere. */
const MAX_INTERFACES = 32;
/** As mDNS has it: what came through a router is seen to have. */
const TTL = 255;

export const openMulticastLink: OpenLink = async (options) => {
  const { family } = options;
  const listener = createSocket({ type: family === 4 ? "udp4" : "udp6", reuseAddr: true, ipv6Only: family === 6 });
  try {
    // Bound to the group itself, nothing that was sent to this machine alone is heard. Windows cannot, nor can IPv6 without
    // saying on which interface.
    const address = family === 6 ? "::" : platform() === "win32" ? "0.0.0.0" : GROUP[4];
    await bound(listener, address, MDNS_PORT);
  } catch (error) {
    listener.close();
    throw error;
  }
  const link = new MulticastLink(options, listener);
  link.refresh();
  if (link.isUseless) {
    await link.close();
    throw new Error(`no interface takes part in multicast${link.firstProblem ? ` (${link.firstProblem})` : ""}`);
  }
  return link;
};

interface Joined {
  /** Asks on this interface; undefined until it is bound. */
  readonly socket: Socket;
  ready: boolean;
}

class MulticastLink implements Link {
  firstProblem: string | undefined;
  readonly #options: LinkOptions;
  readonly #listener: Socket;
  /** By interface; "" is the system's choice. */
  readonly #joined = new Map<string, Joined>();
  #lastQuestion: Uint8Array | undefined;
  #closed = false;

  constructor(options: LinkOptions, listener: Socket) {
    this.#options = options;
    this.#listener = listener;
    listener.on("message", (bytes, from) => this.#receive(bytes, from));
    listener.on("error", (error) => this.#problem(`listening: ${error.message}`));
  }

  get isUseless(): boolean {
    return this.#joined.size === 0;
  }

  ask(packet: Uint8Array): void {
    this.#lastQuestion = packet;
    for (const { socket, ready } of this.#joined.values()) {
      // What is not bound yet asks when it is.
      if (ready) this.#send(socket, packet, { address: GROUP[this.#options.family], port: MDNS_PORT });
    }
  }

  answer(packet: Uint8Array, to: Sender): void {
    if (!this.#closed) this.#send(this.#listener, packet, to);
  }

  refresh(): void {
    if (this.#closed) return;
    const wanted = this.#interfaces();
    for (const [key, { socket }] of this.#joined) {
      if (wanted.has(key)) continue;
      this.#joined.delete(key);
      socket.close();
    }
    for (const [key, { bind, multicast }] of wanted) {
      if (!this.#joined.has(key)) this.#join(key, bind, multicast);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const sockets = [this.#listener, ...[...this.#joined.values()].map(({ socket }) => socket)];
    this.#joined.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  /** Name and address, since a new address wants a new socket -> what to bind, and how multicast calls the interface. */
  #interfaces(): Map<string, { bind: string; multicast: string | undefined }> {
    const { family, interfaceName } = this.#options;
    const wanted = new Map<string, { bind: string; multicast: string | undefined }>();
    for (const [name, addresses] of Object.entries(networkInterfaces())) {
      const first = addresses?.find((each) => each.family === `IPv${family}`);
      const chosen = interfaceName === undefined ? first?.internal === false : name === interfaceName;
      if (!first || !chosen || wanted.size >= MAX_INTERFACES) continue;
      if (family === 4) wanted.set(`${name} ${first.address}`, { bind: first.address, multicast: first.address });
      else wanted.set(name, { bind: "::", multicast: `::%${name}` });
    }
    if (wanted.size === 0 && interfaceName === undefined) {
      wanted.set("", { bind: family === 4 ? "0.0.0.0" : "::", multicast: undefined });
    }
    return wanted;
  }

  #join(key: string, bind: string, multicast: string | undefined): void {
    const { family } = this.#options;
    try {
      this.#listener.addMembership(GROUP[family], multicast);
    } catch (error) {
      // Left from an earlier time on this interface, it is all right.
      if (!String(error).includes("EADDRINUSE")) {
        this.#problem(`${key || "default interface"}: ${String(error)}`);
        return;
      }
    }
    const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: family === 6 });
    const joined: Joined = { socket, ready: false };
    this.#joined.set(key, joined);
    socket.on("message", (bytes, from) => this.#receive(bytes, from));
    socket.on("error", (error) => {
      this.#problem(`${key || "default interface"}: ${error.message}`);
      // The next refresh tries anew.
      if (this.#joined.get(key) !== joined) return;
      this.#joined.delete(key);
      socket.close();
    });
    bound(socket, bind, 0).then(
      () => {
        if (this.#joined.get(key) !== joined) return;
        try {
          if (multicast !== undefined) socket.setMulticastInterface(multicast);
          socket.setMulticastTTL(TTL);
        } catch (error) {
          this.#problem(`${key || "default interface"}: ${String(error)}`);
        }
        joined.ready = true;
        if (this.#lastQuestion) this.#send(socket, this.#lastQuestion, { address: GROUP[family], port: MDNS_PORT });
      },
      // Its own listener has seen to that.
      () => {},
    );
  }

  #send(socket: Socket, packet: Uint8Array, to: Sender): void {
    socket.send(packet, to.port, to.address, (error) => {
      if (error && !this.#closed) this.#problem(error.message);
    });
  }

  #receive(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    if (!this.#closed) this.#options.receive(bytes, { address, port });
  }

  #problem(problem: string): void {
    this.firstProblem ??= problem;
    this.#options.onProblem(problem);
  }
}

function bound(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}
