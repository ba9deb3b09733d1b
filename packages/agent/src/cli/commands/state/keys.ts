/** `hearsay state get`, `set` and `delete`: one key. */
import type { JsonValue, StateValue } from "@hearsay/node";
import { parseDuration } from "../../../agent/duration.ts";
import { MAX_SENT_VALUE_BYTES } from "../../../rpc/client-state.ts";
import { withHearsayAgent } from "../../hearsay-agent.ts";
import { json, parseFormat } from "../../output.ts";
import { type Call, CommandError, type Flags, UsageError } from "../../spec.ts";
import { jsonValue, named, writeValue } from "../../state-text.ts";
import { readPlace } from "./place.ts";

export const NO_STATE = "has no replicated state";

export async function get(call: Call): Promise<number> {
  const { flags, io } = call;
  const format = parseFormat(flags.text("format"));
  const place = readPlace(flags);
  const key = call.args[0]!;
  const failing = `Error reading ${named(key)}`;
  const { member, value, time } = await withHearsayAgent(call, failing, NO_STATE, (client) =>
    client.state.get(key, place),
  );
  if (format === "text") writeValue(io, value);
  else if (place.shared) io.out(json({ key, ...jsonValue(value), writer: member, time: time?.toISOString() }));
  else io.out(json({ member, key, ...jsonValue(value) }));
  return 0;
}

export async function set(call: Call): Promise<number> {
  const { flags, args } = call;
  const [key, text] = args as [string, string?];
  const ttl = readTtl(flags.text("ttl"));
  const value = await readValue(flags, text);
  const wish = { shared: flags.on("shared"), ...(ttl === undefined ? {} : { ttl }) };
  const failing = `Error writing ${named(key)}`;
  await withHearsayAgent(call, failing, NO_STATE, (client) => client.state.set(key, value, wish));
  return 0;
}

export async function remove(call: Call): Promise<number> {
  const key = call.args[0]!;
  const failing = `Error deleting ${named(key)}`;
  const shared = call.flags.on("shared");
  await withHearsayAgent(call, failing, NO_STATE, (client) => client.state.delete(key, { shared }));
  return 0;
}

/** ms; undefined without one. */
function readTtl(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) throw new UsageError(`-ttl=${text} is no duration: write 500ms, 30s or 24h`);
  if (ms < 1) throw new UsageError(`-ttl=${text} is too short: at least 1ms`);
  return Math.round(ms);
}

async function readValue(flags: Flags, text: string | undefined): Promise<StateValue> {
  const file = flags.text("file");
  if (file !== undefined) {
    if (text !== undefined || flags.on("json")) throw new UsageError("-file brings the value: without VALUE and -json");
    return readBytes(file);
  }
  if (text === undefined) throw new UsageError("VALUE is missing: a text, or -file=FILE");
  if (!flags.on("json")) return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new UsageError(`VALUE is no JSON: ${(error as Error).message}`);
  }
}

/** No more of it than could be sent is read. */
async function readBytes(file: string): Promise<Uint8Array> {
  const { createReadStream } = await import("node:fs");
  const stream = file === "-" ? process.stdin : createReadStream(file);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
      if (bytes > MAX_SENT_VALUE_BYTES) throw new CommandError(`${file} is too large: no value has more than 64 KiB`);
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`cannot read ${file}: ${fileProblem(error as NodeJS.ErrnoException)}`);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function fileProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  return code === "EISDIR" ? "it is a directory" : message;
}
