/** Keys as people see them: base64 of the standard alphabet, padded (RFC 4648, section 4). */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const rest = bytes.length - i;
    text += alphabet[group >> 18]! + alphabet[(group >> 12) & 63]!;
    text += rest > 1 ? alphabet[(group >> 6) & 63]! : "=";
    text += rest > 2 ? alphabet[group & 63]! : "=";
  }
  return text;
}
