/** Reads the vectors taken from real Serf agents. For tests only; not part of the package's door. */
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../../../interop/vectors/serf-gossip/", import.meta.url);

/** A layer of a decoded packet: see the README beside the vectors. */
export interface SerfLayer {
  readonly type: number;
  readonly name: string;
  /** From the type byte on. */
  readonly hex: string;
  readonly body?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly inner?: SerfLayer;
  readonly filters?: readonly { readonly type: number; readonly value: unknown }[];
}

export interface Found<T> {
  readonly file: string;
  readonly value: T;
}

/** Every Serf message in the vectors, also those wrapped in others. */
export function serfMessages(): Found<SerfLayer>[] {
  const found: Found<SerfLayer>[] = [];
  walk((file, object) => {
    for (const key of ["serf", "inner", "payload_message"]) {
      const layer = object[key];
      if (!isObject(layer) || typeof layer.hex !== "string") continue;
      if (key !== "inner" || object.name === "relay") found.push({ file, value: layer as unknown as SerfLayer });
    }
  });
  return found;
}

/** Every piece of metadata in the vectors, with its tags as decoded there. */
export function metadata(): Found<{ hex: string; tags: unknown }>[] {
  const found: Found<{ hex: string; tags: unknown }>[] = [];
  walk((file, object) => {
    const inBody = isObject(object.body) ? object.body.Meta : undefined;
    for (const [raw, decoded] of [
      [inBody, object.meta],
      [object.Meta, object["(meta)"]],
    ]) {
      if (raw === undefined || !isObject(decoded)) continue;
      found.push({ file, value: { hex: rawHex(raw), tags: decoded.tags ?? decoded } });
    }
  });
  return found;
}

/** Hex of a value of the raw family: a text stands for itself. */
export function rawHex(value: unknown): string {
  if (typeof value === "string") return Buffer.from(value, "utf8").toString("hex");
  return isObject(value) && typeof value.$raw === "string" ? value.$raw : "";
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function walk(visit: (file: string, object: Record<string, unknown>) => void): void {
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".json")) continue;
    const queue: unknown[] = [JSON.parse(readFileSync(new URL(file, folder), "utf8"))];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (Array.isArray(next)) queue.push(...next.filter((one) => one !== null));
      else if (isObject(next)) {
        visit(file, next);
        queue.push(...Object.values(next).filter((one) => one !== null));
      }
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
