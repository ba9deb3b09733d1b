/**
 * Views and copies that are plain `Uint8Array`s. Bytes from a driver are often Node's Buffers, whose `slice` is a view
 * and whose `subarray` makes another Buffer; asking the object itself would give either.
 */

/** `bytes[start..end)`, sharing memory. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** `bytes[start..end)`, copied. */
export function copyOf(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  const length = end - start;
  const copy = new Uint8Array(length);
  if (length > 64) copy.set(viewOf(bytes, start, end));
  else for (let i = 0; i < length; i++) copy[i] = bytes[start + i]!;
  return copy;
}
