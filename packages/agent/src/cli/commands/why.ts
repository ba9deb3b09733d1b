/** `hearsay why NODE`: what the agent observed of a member. */
import { RPC_ERRORS } from "../../rpc/errors.ts";
import type { ExplanationRecord } from "../../rpc/why.ts";
import { evidenceText } from "../evidence-text.ts";
import { json, parseFormat, printable } from "../output.ts";
import { withAgent } from "../rpc-connection.ts";
import { type Call, CommandError } from "../spec.ts";

export async function run(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const name = call.args[0]!;
  const explanation = await withAgent(call, "Error", async (client) => {
    try {
      return await client.why(name);
    } catch (error) {
      if ((error as Error).message !== RPC_ERRORS.unsupportedCommand) throw error;
      throw new CommandError(
        "Error: this is a Serf agent, which keeps no evidence; ask a Hearsay agent of the same pool",
      );
    }
  });
  call.io.out(format === "json" ? json(jsonExplanation(explanation)) : text(explanation, call.io.columns));
  return 0;
}

function text({ name, summary, member, evidence }: ExplanationRecord, columns: number | undefined): string {
  const status = member === undefined ? "forgotten" : member.status;
  const lines = [`${printable(name)}  ${status}`, ...wrap(printable(summary), columns)];
  let day = "";
  for (const one of evidence) {
    const [date, time] = localTime(one.time);
    if (date !== day) lines.push("", date);
    day = date;
    lines.push(`  ${time}  ${printable(evidenceText(one))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Indented lines that fit the terminal where the words allow it; one line for anything else. */
function wrap(text: string, columns = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > columns && line !== " ") {
      lines.push(line);
      line = " ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** `2026-11-22` and `10:00:00.000`, on this machine's clock. */
function localTime(time: Date): readonly [date: string, time: string] {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return [date, `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`];
}

function jsonExplanation({ name, summary, member, evidence }: ExplanationRecord): unknown {
  return {
    name,
    status: member?.status ?? null,
    summary,
    evidence: evidence.map(({ type, time, incarnation, details }) => ({
      time: time.toISOString(),
      type,
      incarnation,
      ...details,
    })),
  };
}
