/**
 * A value of JSON as a copy of plain data, or the place in it that JSON cannot hold. Every part is read once: a getter that
 * gives something else the second time, or a hidden `toJSON`, has no say in what is stored.
 */

import { NodeError } from "../errors.ts";

/** Lists and objects within each other; more is a mistake, or would be one for the stack. */
export const MAX_DEPTH = 200;

/**
 * @param mostBytes what cannot but take more is not read to its end, however often its parts stand in each other
 * @throws NodeError BAD_VALUE, VALUE_TOO_LARGE
 */
export function plainCopy(value: unknown, mostBytes: number): unknown {
  const copier = new Copier(mostBytes);
  try {
    return copier.copy(value);
  } catch (error) {
    if (error instanceof NodeError) throw error;
    // A getter of the value's, or what stands behind a proxy.
    throw copier.refusal(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

export function tooLarge(mostBytes: number): NodeError {
  return new NodeError("VALUE_TOO_LARGE", `the value takes more than the ${mostBytes} bytes that it may`);
}

class Copier {
  readonly #mostBytes: number;
  /** What it takes at least: a byte for each part, and texts. */
  #bytes = 0;
  /** Where we are. */
  readonly #path: (string | number)[] = [];
  /** The lists and objects that this stands in. */
  readonly #around: object[] = [];

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  copy(value: unknown): unknown {
    this.#count(1);
    switch (typeof value) {
      case "string":
        this.#count(value.length);
        return value;
      case "boolean":
        return value;
      case "number":
        if (!Number.isFinite(value)) throw this.refusal(`is ${value}`);
        return value;
      case "object":
        return value === null ? null : this.#copyParts(value);
      default:
        throw this.refusal(`is ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}`);
    }
  }

  refusal(problem: string, cause?: unknown): NodeError {
    const message = `${oneLine(placeOf(this.#path))} ${oneLine(problem)}`;
    const details = cause === undefined ? { option: "value" } : { option: "value", cause };
    return new NodeError("BAD_VALUE", `${message}; want bytes (a Uint8Array), or what JSON can hold`, details);
  }

  #copyParts(value: object): unknown {
    if (this.#around.includes(value)) throw this.refusal("contains itself");
    if (this.#around.length >= MAX_DEPTH) throw this.refusal(`is nested more than ${MAX_DEPTH} deep`);
    this.#around.push(value);
    const copy = Array.isArray(value) ? this.#copyList(value) : this.#copyObject(value);
    this.#around.pop();
    return copy;
  }

  /** By number: holes, which JSON makes nulls, are not passed over. */
  #copyList(list: readonly unknown[]): unknown[] {
    const copy: unknown[] = [];
    for (let i = 0; i < list.length; i++) copy.push(this.#copyPart(i, list[i]));
    return copy;
  }

  #copyObject(value: object): object {
    if (!isPlain(value)) throw this.refusal(`is ${nameOf(value)}, no plain object`);
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.refusal("has a symbol for a key");
    // Without a prototype, `__proto__` is a key like any other.
    const copy = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      this.#count(key.length);
      this.#path.push(key);
      copy[key] = this.copy((value as Record<string, unknown>)[key]);
      this.#path.pop();
    }
    return copy;
  }

  #copyPart(index: number, part: unknown): unknown {
    this.#path.push(index);
    const copy = this.copy(part);
    this.#path.pop();
    return copy;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#mostBytes) throw tooLarge(this.#mostBytes);
  }
}

/** Made by `{}`, here or in another realm, or without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf"))
  );
}

function nameOf(value: object): string {
  const { name } = value.constructor ?? {};
  return typeof name === "string" && name !== "" ? `of the class ${name}` : "of a class";
}

function placeOf(path: readonly (string | number)[]): string {
  return `value${path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")}`;
}

/** Of a readable length. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
  return line.length > 60 ? `${line.slice(0, 40)}…${line.slice(-16)}` : line;
}
