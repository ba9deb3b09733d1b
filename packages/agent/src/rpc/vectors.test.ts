/**
 * Conversations recorded with real Serf agents, replayed: our server answers what those answered. The nodes behind it are
 * stand-ins that play the recorded pool; what varies from run to run is named by each story, everything else is compared.
 */
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { Reader } from "@hearsay/wire";
import { expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { RpcServer } from "./server.ts";
import { ValueSplitter } from "./value-splitter.ts";

interface Frame {
  readonly dir: "request" | "response" | "close";
  readonly hex?: string;
  readonly decoded?: readonly unknown[];
  readonly note?: string;
}
interface Connection {
  readonly label: string;
  readonly frames: readonly Frame[];
}
interface Vector {
  readonly agents: readonly {
    readonly name: string;
    readonly flags: readonly string[];
    readonly config?: { readonly rpc_auth?: string };
  }[];
  readonly connections: readonly Connection[];
}

const folder = new URL("../../../../interop/vectors/serf-rpc/", import.meta.url);

function load(file: string): Vector {
  return JSON.parse(readFileSync(new URL(`${file}.json`, folder), "utf8")) as Vector;
}

type Hosts = ReadonlyMap<string, FakeHost>;

interface Story {
  /** Which agent a connection is with, where its label does not say; else the first. */
  readonly at?: Readonly<Record<string, string>>;
  /** Takes out what varies, by name. */
  readonly mask?: (value: unknown) => unknown;
  /** Records that follow one another may come in any order; `done` is the last. */
  readonly anyOrder?: true;
  /** Nothing varies, not even the order of a map: bytes are compared. */
  readonly bytes?: true;
  readonly prepare?: (hosts: Hosts, vector: Vector) => void;
  /** What happens when the first connection waits for its first event; then the next one begins. */
  readonly onWait?: (hosts: Hosts) => void;
  readonly check?: (hosts: Hosts) => void;
}

const TAGS: Record<string, Record<string, string>> = {
  n1: { role: "web", dc: "east" },
  n2: { role: "db", dc: "west" },
  n3: { role: "web", dc: "west" },
};

const STORIES: Readonly<Record<string, Story>> = {
  "01-handshake": { bytes: true },
  "02-stream-events": {
    mask: without("LTime"),
    onWait(hosts) {
      const { node } = hosts.get("n1")!;
      hosts.get("n1")!.tell({ kind: "member-join", members: [node.member("n1")!, node.member("n2")!] });
    },
  },
  "03-stream-filters": { mask: without("LTime"), anyOrder: true },
  "04-members": {},
  "05-members-filtered": {},
  "06-event": {
    bytes: true,
    check(hosts) {
      const events = hosts.get("n1")!.node.calls.slice(0, 4);
      expect(events).toEqual([
        ["userEvent", "a", "\x00\xff\x01", true],
        ["userEvent", "nilpayload", "", false],
        ["userEvent", "nopayload", "", false],
        ["userEvent", "strpayload", "text as a string", false],
      ]);
    },
  },
  "07-query": {
    anyOrder: true,
    prepare: (hosts) => playScripts(hosts, 0.05),
    check(hosts) {
      const [first, second, nodes, tags] = hosts.get("n1")!.node.calls.map((call) => call[3]);
      expect(first).toMatchObject({ acks: true, relayFactor: 0, timeout: 2000 });
      expect(second).toMatchObject({ acks: false, timeout: 1000 });
      expect(nodes).toMatchObject({ filterNodes: ["n2", "nope"] });
      expect(tags).toMatchObject({ filterTags: { role: "^web$", dc: "west" } });
    },
  },
  "08-stream-query-respond": {
    at: { "B-asker": "n2" },
    mask: without("LTime"),
    prepare: (hosts) => playScripts(hosts, 0.3),
  },
  "09-stats": { mask: statKeys },
  // "Coord values" vary; the stand-in has those of the recording.
  "10-get-coordinate": { bytes: true, prepare: placeMembers },
  "11-join": {
    mask: withoutJoinErrors,
    check(hosts) {
      expect(hosts.get("n1")!.node.calls[0]).toEqual(["join", ["127.0.0.42:7946", "127.0.0.43"]]);
    },
  },
  "12-keys-unencrypted": { mask: without("PrimaryKeys") },
  "13-encodings": {
    check(hosts) {
      const [first, second] = hosts.get("n1")!.node.calls;
      expect(first).toEqual(["userEvent", "n".repeat(40), "p".repeat(40), false]);
      expect(second).toEqual(["userEvent", "x", "", true]);
    },
  },
  "14-leave": { at: { "A-n2": "n2" }, bytes: true },
  "15-auth": { bytes: true },
  "16-auth-not-configured": { bytes: true },
  // `PrimaryKeys` is ours; Serf's clients skip it.
  "17-keys": { mask: without("PrimaryKeys") },
};

test("every recording has its story", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  expect(files.map((name) => name.replace(".json", "")).sort()).toEqual(Object.keys(STORIES).sort());
  expect(files).toHaveLength(17);
});

test.each(Object.entries(STORIES))("%s", async (file, story) => {
  const vector = load(file);
  const hosts = playPool(vector);
  story.prepare?.(hosts, vector);
  const running: Promise<void>[] = [];
  for (const connection of vector.connections) {
    const name = story.at?.[connection.label] ?? agentOf(vector, connection);
    const token = vector.agents.find((agent) => agent.name === name)?.config?.rpc_auth ?? "";
    // The next one begins when this one has ended, or waits for what the next one does.
    await new Promise<void>((begun) => {
      const waits = () => {
        if (running.length === 1) story.onWait?.(hosts);
        begun();
      };
      running.push(replay(hosts.get(name)!, token, connection, story, waits).finally(begun));
    });
  }
  await Promise.all(running);
  story.check?.(hosts);
});

function agentOf(vector: Vector, { label }: Connection): string {
  return (vector.agents.find(({ name }) => label.includes(name)) ?? vector.agents[0]!).name;
}

function playPool(vector: Vector): Hosts {
  const members = vector.agents.map(({ name }) =>
    fakeMember(name, { address: `127.0.0.4${name.slice(1)}`, tags: TAGS[name] ?? {} }),
  );
  const nodes = members.map(
    (local) =>
      new FakeNode(
        local,
        members.filter((member) => member !== local),
      ),
  );
  FakeNode.link(nodes);
  nodes.forEach((node, i) => {
    node.reachable = new Set(["127.0.0.42:7946", "127.0.0.43"]);
    const key = vector.agents[i]!.flags.find((flag) => flag.startsWith("-encrypt="));
    if (key !== undefined) node.ring = [key.slice("-encrypt=".length)];
  });
  return new Map(nodes.map((node) => [node.name, new FakeHost(node)]));
}

/** The event handlers that the recorded agents had. */
function playScripts(hosts: Hosts, timeScale: number): void {
  for (const { node } of hosts.values()) {
    node.timeScale = timeScale;
    node.scripts.set("n2 load", "0.42\n").set("n3 load", "0.77\n");
  }
}

function placeMembers(hosts: Hosts, vector: Vector): void {
  const answers = vector.connections[0]!.frames.filter(({ dir, decoded }) => dir === "response" && decoded!.length > 1);
  ["n1", "n2"].forEach((name, i) => {
    const { Coord: coord } = comparable(answers[i]!.decoded![1]) as {
      Coord: { Vec: number[]; Error: number; Adjustment: number; Height: number };
    };
    const coordinate = { vec: coord.Vec, error: coord.Error, adjustment: coord.Adjustment, height: coord.Height };
    hosts.get("n1")!.node.coordinates.set(name, coordinate);
  });
}

async function replay(host: FakeHost, token: string, { label, frames }: Connection, story: Story, onWait: () => void) {
  await using server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token });
  const socket = connect(server.port, "127.0.0.1");
  const values = new ValueStream(socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
  const { mask = (value: unknown) => value } = story;
  try {
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i]!;
      if (frame.dir === "request") socket.write(Buffer.from(frame.hex!, "hex"));
      else if (frame.dir === "close") expect(await values.next()).toBe("closed");
      else if (isRecord(frame) && story.anyOrder) {
        if (isEvent(frame)) onWait();
        const run = frames.slice(i, frames.findIndex((other, k) => k >= i && !isRecord(other)) >>> 0);
        const got: unknown[] = [];
        for (const { decoded } of run) got.push(mask(await values.take(decoded!.length)));
        expect(sorted(got), label).toEqual(sorted(run.map(({ decoded }) => mask(comparable(decoded)))));
        const isDone = (value: unknown) => JSON.stringify(value).includes('"done"');
        if (got.some(isDone)) expect(isDone(got.at(-1))).toBe(true);
        i += run.length - 1;
      } else {
        if (isEvent(frame)) onWait();
        const got = await values.take(frame.decoded!.length);
        expect(mask(got), frame.note ?? label).toEqual(mask(comparable(frame.decoded)));
        if (story.bytes) expect(values.taken.toString("hex")).toBe(frame.hex);
      }
    }
  } finally {
    socket.destroy();
  }
}

function isEvent({ decoded }: Frame): boolean {
  return typeof decoded?.[1] === "object" && decoded[1] !== null && "Event" in decoded[1];
}

function isRecord(frame: Frame): boolean {
  return frame.dir === "response" && frame.decoded!.length === 2;
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort();
}

/** What a server sends, value by value. */
class ValueStream {
  /** The bytes of the values last taken. */
  taken = Buffer.alloc(0);
  readonly #splitter = new ValueSplitter(1 << 20);
  readonly #chunks: AsyncIterator<Buffer>;
  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }
  async take(count: number): Promise<unknown[]> {
    this.taken = Buffer.alloc(0);
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.push(await this.next());
    return values;
  }
  async next(): Promise<unknown> {
    for (;;) {
      const bytes = this.#splitter.next();
      if (bytes !== undefined) {
        this.taken = Buffer.concat([this.taken, bytes]);
        return comparable(new Reader(bytes).value());
      }
      const { value, done } = await this.#chunks.next();
      if (done) return "closed";
      this.#splitter.push(value);
    }
  }
}

/** Values in a form that can be compared: bytes as hex, maps as objects with sorted keys, member lists by name. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString("hex") };
  if (typeof value === "bigint") return { $int: String(value) };
  if (Array.isArray(value)) {
    const items = value.map(comparable);
    return items.every((item) => typeof item === "object" && item !== null && "Name" in item)
      ? items.sort((a, b) => (String((a as { Name: string }).Name) < String((b as { Name: string }).Name) ? -1 : 1))
      : items;
  }
  if (value instanceof Map) return comparable(Object.fromEntries(value as Map<string, unknown>));
  if (typeof value === "object" && value !== null) {
    if ("$float" in value) return value.$float;
    const pairs = Object.entries(value).map(([key, item]) => [key, comparable(item)] as const);
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return value;
}

// ---- what varies

function without(field: string): (value: unknown) => unknown {
  const mask = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(mask);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => (key === field ? [] : [[key, mask(item)]])),
    );
  };
  return mask;
}

/** Keys only; what Serf has for coordinates and handlers, and what only we have, is left out. */
function statKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(statKeys);
  if (typeof value !== "object" || value === null || !("serf" in value)) return value;
  const groups = value as Record<string, Record<string, string>>;
  const { coordinate_resets, ...serf } = groups.serf!;
  return {
    runtime: Object.keys(groups.runtime!).sort(),
    serf: Object.keys(serf).sort(),
    tags: groups.tags,
    agent: groups.agent,
    handlers: "event_handlers" in groups,
  };
}

function withoutJoinErrors(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replace(/Failed to join [^\\]*/g, "Failed to join …"));
}
