/** The text of a join that reached nobody: Serf's shape, a counted list of lines, which clients print as it is. */

export interface JoinFailure {
  readonly address: string;
  readonly error: string;
}

export function joinErrorText(failures: readonly JoinFailure[]): string {
  const noun = failures.length === 1 ? "error" : "errors";
  const lines = failures.map((failure) => `* Failed to join ${joinFailureText(failure)}`);
  return `${failures.length} ${noun} occurred:\n\t${lines.join("\n\t")}\n\n`;
}

/** `10.0.0.1:7946: cannot be reached`. The address is named once: an error that begins with it loses it. */
export function joinFailureText({ address, error }: JoinFailure): string {
  const start = [`${address} `, `${address}: `, `"${address}": `].find((text) => error.startsWith(text)) ?? "";
  return `${address}: ${error.slice(start.length)}`;
}

/** A failure as it is to be told by an agent without any key: an answer that cannot be decrypted means that it needs one. */
export function withoutKey(failure: JoinFailure): JoinFailure {
  if (!failure.error.endsWith("(decrypt-failed)")) return failure;
  return { ...failure, error: "that pool is encrypted and this agent has no key (-encrypt)" };
}

/** Such a text in one line; any other text with its line breaks taken out. */
export function oneLine(text: string): string {
  const [first, ...rest] = text.trim().split(/\s*\n\s*(?:\* )?/);
  if (/^\d+ errors? occurred:$/.test(first!) && rest.length > 0) return rest.join("; ");
  return [first!, ...rest].join(" ");
}
