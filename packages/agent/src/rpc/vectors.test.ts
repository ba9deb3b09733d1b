/** Conversations recorded with a real Serf agent, replayed: our server answers what that one answered. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { Reader } from "@hearsay/wire";
import { describe, expect, test } from "vitest";
import { FakeHost } from "../../test/fake-host.ts";
import { FakeNode, fakeMember } from "../../test/fake-node.ts";
import { RpcServer } from "./server.ts";
import { ValueSplitter } from "./value-splitter.ts";

interface Vector {
  readonly title: string;
  readonly agents: readonly { readonly name: string; readonly config?: { readonly rpc_auth?: string } }[];
  readonly connections: readonly {
    readonly label: string;
    readonly frames: readonly {
      readonly dir: "request" | "response" | "close";
      readonly hex?: string;
      readonly decoded?: readonly unknown[];
      readonly note?: string;
    }[];
  }[];
}

function load(file: string): Vector {
  const url = new URL(`../../../../interop/vectors/serf-rpc/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as Vector;
}

const TAGS: Record<string, Record<string, string>> = {
  n1: { role: "web", dc: "east" },
  n2: { role: "db", dc: "west" },
  n3: { role: "web", dc: "west" },
};

function hostFor(vector: Vector, name: string): FakeHost {
  const members = vector.agents.map((agent) =>
    fakeMember(agent.name, { address: `127.0.0.4${agent.name.slice(1)}`, tags: TAGS[agent.name] ?? {} }),
  );
  const local = members.find((member) => member.name === name)!;
  const node = new FakeNode(
    local,
    members.filter((member) => member !== local),
  );
  node.reachable = new Set(["127.0.0.42:7946", "127.0.0.43"]);
  return new FakeHost(node);
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
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
  }
  return value;
}

async function replay(vector: Vector, connection: Vector["connections"][number], mask = (value: unknown) => value) {
  const name = vector.agents.find((agent) => connection.label.includes(agent.name))?.name ?? vector.agents[0]!.name;
  const token = vector.agents.find((agent) => agent.name === name)?.config?.rpc_auth ?? "";
  const host = hostFor(vector, name);
  await using server = await RpcServer.listen(host, { host: "127.0.0.1", port: 0, token });
  const socket = connect(server.port, "127.0.0.1");
  const splitter = new ValueSplitter(1 << 20);
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const nextValue = async (): Promise<unknown> => {
    for (;;) {
      const bytes = splitter.next();
      if (bytes !== undefined) return comparable(new Reader(bytes).value());
      const { value, done } = await chunks.next();
      if (done) return "closed";
      splitter.push(value);
    }
  };
  for (const frame of connection.frames) {
    if (frame.dir === "request") socket.write(Buffer.from(frame.hex!, "hex"));
    else if (frame.dir === "close") expect(await nextValue()).toBe("closed");
    else {
      for (const expected of frame.decoded!) {
        expect(mask(await nextValue()), frame.note ?? connection.label).toEqual(mask(comparable(expected)));
      }
    }
  }
  socket.destroy();
  return host;
}

describe.each(["01-handshake", "04-members", "05-members-filtered", "14-leave", "15-auth", "16-auth-not-configured"])(
  "%s",
  (file) => {
    const vector = load(file);
    test.each(vector.connections.map((connection) => [connection.label, connection] as const))(
      "%s",
      async (_label, connection) => {
        await replay(vector, connection);
      },
    );
  },
);

test("09-stats: groups and keys, values apart", async () => {
  const vector = load("09-stats");
  /** Keys only; what Serf has for coordinates and what only we have is left out. */
  const keys = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || !("serf" in value)) return value;
    const { hearsay, event_handlers, ...groups } = value as Record<string, Record<string, string>>;
    const { coordinate_resets, ...serf } = groups.serf!;
    const { tags, agent } = groups;
    return { runtime: Object.keys(groups.runtime!).sort(), serf: Object.keys(serf).sort(), tags, agent };
  };
  for (const connection of vector.connections) await replay(vector, connection, keys);
});

test("11-join: results, and the shape of the error", async () => {
  const vector = load("11-join");
  const shape = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replace(/Failed to join [^\\]*/g, "Failed to join …"));
  for (const connection of vector.connections) {
    const host = await replay(vector, connection, shape);
    expect(host.node.calls[0]).toEqual(["join", ["127.0.0.42:7946", "127.0.0.43"]]);
  }
});

test("13-encodings: a header as an array, and a 64-bit sequence number", async () => {
  const vector = load("13-encodings");
  const connection = vector.connections[0]!;
  // User events come with another part: their requests and answers are taken out.
  const frames = connection.frames.filter((frame) => {
    const header = frame.decoded?.[0] as { Command?: string; Seq?: number } | undefined;
    return header?.Seq !== 1 && header?.Seq !== 2;
  });
  expect(frames).toHaveLength(connection.frames.length - 4);
  await replay(vector, { ...connection, frames });
});
