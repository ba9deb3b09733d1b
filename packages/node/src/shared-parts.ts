/**
 * What the nodes of one thread share: codecs without keys, and the table of names and member records, of which a hundred
 * nodes of one pool would otherwise keep a hundred copies.
 */

import { randomBytes } from "node:crypto";
import { NameTable, Rng } from "@hearsay/core";
import { Keyring, MemberlistCodec, type MemberlistCodecOptions } from "@hearsay/wire";
import { nodeCipher, randomNonces } from "./cipher.ts";
import type { PoolSettings } from "./options.ts";

/** Room in a packet for one message that is larger than the budget and sent all the same. */
const OVERSIZE_BYTES = 4096;
/** What a message's surroundings may take: names, keys, headers. The failure detector reckons with 900, and encryption. */
const FRAMING_BYTES = 1024;
const MAX_DATAGRAM_BYTES = 65_507;
const MAX_CODECS = 16;
/** A table is not told when a node closes; after this many, newcomers get a fresh one and the old goes with its nodes. */
const NODES_PER_TABLE = 1024;

const codecs = new Map<string, MemberlistCodec>();
let names = new NameTable();
let nodesOfTable = 0;

/** Undefined without keys: nothing is encrypted then, ever. */
export function keyringOf(keys: readonly Uint8Array[]): Keyring | undefined {
  return keys.length > 0 ? new Keyring(keys) : undefined;
}

/**
 * `keyring`: the codec's own; changing it changes what is encrypted with, from the next packet on. `largestBytes`: of a
 * message that shall have room, if that is more than the usual.
 */
export function codecFor(settings: PoolSettings, keyring: Keyring | undefined, largestBytes = 0): MemberlistCodec {
  const oversize = Math.max(OVERSIZE_BYTES, largestBytes + FRAMING_BYTES - settings.config.maxPacketBytes);
  const options: MemberlistCodecOptions = {
    label: settings.label,
    compression: settings.compression,
    maxPacketBytes: Math.min(settings.config.maxPacketBytes + oversize, MAX_DATAGRAM_BYTES),
  };
  if (keyring) {
    return new MemberlistCodec({
      ...options,
      keyring,
      cipherFactory: nodeCipher,
      nonceSource: randomNonces(),
      verifyIncoming: settings.verifyIncoming,
      verifyOutgoing: settings.verifyOutgoing,
    });
  }
  const key = JSON.stringify(options);
  let codec = codecs.get(key);
  if (!codec) {
    if (codecs.size >= MAX_CODECS) codecs.clear();
    codec = new MemberlistCodec(options);
    codecs.set(key, codec);
  }
  return codec;
}

export function sharedNames(): NameTable {
  if (nodesOfTable++ >= NODES_PER_TABLE) {
    nodesOfTable = 1;
    names = new NameTable();
  }
  return names;
}

/** Unpredictable, as the protocol's sequence numbers have to be to outsiders. */
export function freshRng(): Rng {
  return new Rng(Number(randomBytes(8).readBigUInt64BE() >> 11n));
}
