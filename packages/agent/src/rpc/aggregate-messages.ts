/** What travels over RPC about aggregates. Ours, not Serf's. */
import type { AggregateReading } from "@hearsay/node";
import type { MsgpackInput, Reader } from "@hearsay/wire";
import type { AggregateView } from "../agent/agent-aggregates.ts";
import { RefusedRequest } from "./errors.ts";
import { decodeStruct } from "./messages.ts";

/** Of every aggregate command; each looks at its own fields. */
export interface AggregateRequest {
  readonly name: string;
  /** NaN: the request brings none. */
  readonly value: number;
  /** 0: as it is, or the default. */
  readonly roundMs: number;
  readonly epochRounds: number;
}

/** An empty body is that of a command without one. Throws RefusedRequest. */
export function decodeAggregateRequest(bytes: Uint8Array): AggregateRequest {
  let name = "";
  const numbers = [Number.NaN, 0, 0];
  const read = (field: number, reader: Reader): void => {
    if (field === 0) name = reader.text();
    else numbers[field - 1] = reader.float();
  };
  if (bytes.length > 0) decodeStruct(bytes, ["Name", "Value", "RoundMs", "EpochRounds"], read);
  const [value, roundMs, epochRounds] = numbers as [number, number, number];
  return { name, value, roundMs, epochRounds };
}

/** The statistics by the names of `AggregateReading`, with a capital letter; none before the first result. */
export function aggregateBody({ name, value, reading }: AggregateView): MsgpackInput {
  if (reading === undefined) return { Name: name, Value: value, Reading: null };
  const { quantiles, ...numbers } = reading;
  const capital = Object.entries(numbers).map(([key, number]) => [key.charAt(0).toUpperCase() + key.slice(1), number]);
  return { Name: name, Value: value, Reading: { ...Object.fromEntries(capital), Quantiles: { ...quantiles } } };
}

/** Throws RefusedRequest. */
export function decodeAggregates(bytes: Uint8Array): readonly AggregateView[] {
  const views: AggregateView[] = [];
  decodeStruct(bytes, ["Aggregate", "Aggregates"], (field, reader) => {
    const count = field === 0 ? 1 : reader.array();
    for (let i = 0; i < count && reader.ok; i++) views.push(readView(reader));
  });
  return views;
}

function readView(reader: Reader): AggregateView {
  let name = "";
  let value = 0;
  let reading: AggregateReading | undefined;
  reader.struct(["Name", "Value", "Reading"], (field) => {
    if (field === 0) name = reader.textLossy();
    else if (field === 1) value = reader.float();
    else reading = reader.tryNil() ? undefined : readReading(reader);
  });
  return { name, value, reading };
}

const NUMBERS = ["age", "epoch", "count", "sum", "mean", "min", "max", "variance"] as const;
const ERRORS = ["meanError", "countError", "quantileError"] as const;
const FIELDS = [...NUMBERS, ...ERRORS].map((name) => name.charAt(0).toUpperCase() + name.slice(1));
const QUANTILES = ["p01", "p05", "p25", "p50", "p75", "p95", "p99"] as const;

function readReading(reader: Reader): AggregateReading {
  const numbers = readNumbers(reader, [...FIELDS, "Quantiles"], FIELDS.length);
  const named = Object.fromEntries([...NUMBERS, ...ERRORS].map((name, i) => [name, numbers.values[i]]));
  const quantiles = Object.fromEntries(QUANTILES.map((name, i) => [name, numbers.inner[i]]));
  return { ...named, quantiles } as unknown as AggregateReading;
}

/** Numbers by name; those of the field numbered `nested` by the names of the quantiles. NaN for what is not there. */
function readNumbers(reader: Reader, fields: readonly string[], nested: number) {
  const values = fields.map(() => Number.NaN);
  const inner = QUANTILES.map(() => Number.NaN);
  reader.struct(fields, (field) => {
    if (field < nested) values[field] = reader.float();
    else reader.struct(QUANTILES, (part) => (inner[part] = reader.float()));
  });
  if (!reader.ok) throw new RefusedRequest("a reading that cannot be read");
  return { values, inner };
}
