/** `hearsay why NODE`: what the agent observed of a member. */
import type { ExplanationRecord } from "../../rpc/why.ts";
import { evidenceText } from "../evidence-text.ts";
import { withHearsayAgent } from "../hearsay-agent.ts";
import { json, parseFormat, printable } from "../output.ts";
import type { Call } from "../spec.ts";
import { clockText, dateText } from "../time-text.ts";

export async function run(call: Call): Promise<number> {
  const format = parseFormat(call.flags.text("format"));
  const name = call.args[0]!;
  const explanation = await withHearsayAgent(call, "Error", "keeps no evidence", (client) => client.why(name));
  call.io.out(format === "json" ? json(jsonExplanation(explanation)) : text(explanation, call.io.columns));
  return 0;
}

function text({ name, summary, member, evidence }: ExplanationRecord, columns: number | undefined): string {
  const status = member === undefined ? "forgotten" : member.status;
  const lines = [`${printable(name)}  ${status}`, ...wrap(printable(summary), columns)];
  let day = "";
  for (const one of evidence) {
    const [date, time] = [dateText(one.time), clockText(one.time)];
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
