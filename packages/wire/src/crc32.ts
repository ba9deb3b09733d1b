/** CRC-32 as in zlib, PNG and IEEE 802.3: reflected polynomial 0xEDB88320, first and last complement. */

/** Four tables of 256: the second to fourth advance a byte over one to three zero bytes more. Read-only by convention. */
const tables = buildTables();

/** Checksum of `bytes[start..end)`, 0 … 2³²−1. */
export function crc32(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let crc = -1;
  let at = start;
  const whole = end - 3;
  for (; at < whole; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      tables[768 + (crc & 0xff)]! ^
      tables[512 + ((crc >>> 8) & 0xff)]! ^
      tables[256 + ((crc >>> 16) & 0xff)]! ^
      tables[crc >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

function buildTables(): Int32Array {
  const built = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    built[byte] = crc;
  }
  for (let i = 256; i < 1024; i++) {
    const before = built[i - 256]!;
    built[i] = (before >>> 8) ^ built[before & 0xff]!;
  }
  return built;
}
