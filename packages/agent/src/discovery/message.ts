/**
 * The DNS messages of discovery: the question who is there, our answer, and the addresses in other people's answers (Serf
 * protocol notes, section 17). Bytes in, bytes out. What is read is bounded before it is decoded, and nothing in it throws.
 *
 *   PTR  _serf_D._tcp.local               -> web-1._serf_D._tcp.local
 *   SRV  web-1._serf_D._tcp.local         -> port 7946 at the host vm1
 *   TXT  web-1._serf_D._tcp.local         -> Serf 'D' cluster
 *   A    vm1                              -> 10.0.0.1
 */

import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, type Question } from "dns-packet";

/** An agent as it is announced. Names without a dot at the end. */
export interface Service {
  readonly name: string;
  readonly instance: string;
  readonly host: string;
  readonly text: string;
  /** IP address text. */
  readonly address: string;
  readonly port: number;
}

/** What was read of a packet. */
export type Message = Packet;

export interface Found {
  /** IP address text. */
  readonly address: string;
  readonly port: number;
}

/** Everything that announces itself on a network, by service. */
const ALL_SERVICES = "_services._dns-sd._udp.local";
/** How long others may remember an answer: s. */
const TTL = 120;
/** Largest message read: bytes. What mDNS allows. */
const MAX_MESSAGE_BYTES = 9000;
const MAX_QUESTIONS = 16;
const MAX_RECORDS = 256;
/** Agents taken from one message; they answer one by one. */
const MAX_FOUND = 16;
const MAX_LABEL_BYTES = 63;
/** Of a node's or a host's name: bytes. Leaves room for the service in the 255 of a DNS name. */
const MAX_NAME_BYTES = 120;

/** @throws Error in one line when the cluster's name cannot be one of a service */
export function serviceName(cluster: string): string {
  const labels = `_serf_${cluster}`.split(".");
  const sound = labels.every((label) => label !== "" && Buffer.byteLength(label) <= MAX_LABEL_BYTES);
  // A control character could be written into a packet, but hardly be meant.
  if (cluster === "" || !sound || Buffer.byteLength(cluster) > MAX_NAME_BYTES || hasControl(cluster)) {
    throw new Error(
      `discover: ${JSON.stringify(cluster)} cannot be announced; want a cluster name of 1 to 57 bytes without control characters`,
    );
  }
  return `_serf_${cluster}._tcp.local`;
}

/** @param hostName of this machine */
export function serviceOf(options: {
  readonly cluster: string;
  readonly nodeName: string;
  readonly hostName: string;
  readonly address: string;
  readonly port: number;
}): Service {
  const name = serviceName(options.cluster);
  return {
    name,
    instance: `${dnsName(options.nodeName)}.${name}`,
    host: dnsName(options.hostName),
    text: `Serf '${options.cluster}' cluster`,
    address: options.address,
    port: options.port,
  };
}

/**
 * How many steps reading can take at most: each name can lead through every pointer of the message. A full one of 9000 bytes,
 * made for it, would take a million; what agents and other devices send stays below 10,000.
 */
export function readingSteps(bytes: Uint8Array): number {
  if (bytes.length < 12) return 0;
  const count = (at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
  const names = count(4) + 2 * (count(6) + count(8) + count(10));
  let pointers = 0;
  for (const byte of bytes) if (byte >= 0xc0) pointers++;
  return names * pointers;
}

/** Undefined for what is no DNS message, or one larger than any that matters here. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < 12 || bytes.length > MAX_MESSAGE_BYTES) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const records = buffer.readUInt16BE(6) + buffer.readUInt16BE(8) + buffer.readUInt16BE(10);
  if (buffer.readUInt16BE(4) > MAX_QUESTIONS || records > MAX_RECORDS) return undefined;
  try {
    return decode(buffer);
  } catch {
    return undefined;
  }
}

export function encodeQuestion(service: string): Uint8Array {
  return encode({ type: "query", id: 0, flags: 0, questions: [{ type: "PTR", class: "IN", name: service }] });
}

/**
 * Undefined when none of the questions is for us.
 *
 * @param oneShot the asker is no mDNS speaker but an ordinary resolver, which wants its number and question back
 */
export function encodeAnswer(query: Message, service: Service, oneShot: boolean): Uint8Array | undefined {
  const questions = query.questions ?? [];
  const answers = new Map<string, Answer>();
  for (const question of questions) {
    for (const answer of answersTo(question, service)) answers.set(`${answer.type} ${answer.name}`, answer);
  }
  if (answers.size === 0) return undefined;
  return encode({
    type: "response",
    id: oneShot ? (query.id ?? 0) : 0,
    flags: AUTHORITATIVE_ANSWER,
    questions: oneShot ? questions.filter((each) => answersTo(each, service).length > 0) : [],
    answers: [...answers.values()],
  });
}

/** Agents of the service that the message tells of completely: instance, port, text and address. */
export function foundIn(message: Message, service: string): Found[] {
  const records = [...(message.answers ?? []), ...(message.additionals ?? [])];
  const wanted = fold(service);
  const addresses = new Map<string, string[]>();
  const texts = new Set<string>();
  for (const record of records) {
    if (record.type === "TXT") texts.add(fold(record.name));
    if (record.type !== "A" && record.type !== "AAAA") continue;
    const list = addresses.get(fold(record.name)) ?? [];
    if (isIP(record.data) !== (record.type === "A" ? 4 : 6)) continue;
    addresses.set(fold(record.name), [...list, record.data]);
  }
  const found: Found[] = [];
  const instances = new Set<string>();
  for (const record of records) {
    if (record.type === "PTR" && fold(record.name) === wanted) instances.add(fold(record.data));
  }
  for (const record of records) {
    if (record.type !== "SRV") continue;
    const instance = fold(record.name);
    if (!instances.has(instance) || !texts.has(instance)) continue;
    const { port, target } = record.data;
    // One address is enough to join by; IPv4 first, as Serf.
    const [address] = (addresses.get(fold(target)) ?? []).sort((a, b) => isIP(a) - isIP(b));
    if (address !== undefined && port > 0 && found.length < MAX_FOUND) found.push({ address, port });
  }
  return found;
}

function answersTo(question: Question, service: Service): Answer[] {
  const { type, name } = question;
  if ((question.class ?? "IN") !== "IN" && question.class !== "ANY") return [];
  // Also a type; the library's list is of records, and does not have it.
  const any = (type as string) === "ANY";
  const common = { ttl: TTL, class: "IN" } as const;
  const srv: Answer = {
    ...common,
    type: "SRV",
    name: service.instance,
    data: { priority: 10, weight: 1, port: service.port, target: service.host },
  };
  const txt: Answer = { ...common, type: "TXT", name: service.instance, data: [service.text] };
  const host: Answer = {
    ...common,
    type: isIP(service.address) === 6 ? "AAAA" : "A",
    name: service.host,
    data: service.address,
  };
  switch (fold(name)) {
    case fold(service.name):
      if (type !== "PTR" && !any) return [];
      return [{ ...common, type: "PTR", name: service.name, data: service.instance }, srv, host, txt];
    case ALL_SERVICES:
      return type === "PTR" || any ? [{ ...common, type: "PTR", name: ALL_SERVICES, data: service.name }] : [];
    case fold(service.instance):
      if (type === "TXT") return [txt];
      return type === "SRV" || any ? [srv, host, txt] : [];
    case fold(service.host):
      return type === host.type || any ? [host] : [];
    default:
      return [];
  }
}

/** DNS does not tell cases apart. */
function fold(name: string): string {
  return name.replace(/\.$/, "").toLowerCase();
}

/** A name as labels that DNS can carry. What has to be cut stays different from others that are cut. */
function dnsName(name: string): string {
  const labels = name.split(".").filter((label) => label !== "");
  const sound = labels.length > 0 && labels.every((label) => Buffer.byteLength(label) <= MAX_LABEL_BYTES);
  if (sound && Buffer.byteLength(name) <= MAX_NAME_BYTES) return labels.join(".");
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  // By characters, so that none is cut in two.
  const start: string[] = [];
  let length = digest.length + 1;
  for (const character of labels.join("-")) {
    length += Buffer.byteLength(character);
    if (length > MAX_LABEL_BYTES) break;
    start.push(character);
  }
  return [start.join(""), digest].filter((part) => part !== "").join("-");
}

function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
  return /[\u0000-\u001f\u007f]/.test(text);
}
