export type { Cipher, CipherFactory, NonceSource } from "./cipher.ts";
export { crc32 } from "./crc32.ts";
export { Keyring, KeyringError, type KeyringErrorCode } from "./keyring.ts";
export * as limits from "./limits.ts";
export { createCodec, MemberlistCodec, type MemberlistCodecOptions } from "./memberlist-codec.ts";
export {
  decodeValue,
  type MsgpackExtension,
  type MsgpackKind,
  type MsgpackValue,
  maxMsgpackDepth,
  Reader,
  type ReadFailure,
  type ValueLimits,
} from "./msgpack-reader.ts";
export { Scanner, type ScanResult } from "./msgpack-scanner.ts";
export { type Dialect, type MsgpackInput, Writer, type WriterOptions } from "./msgpack-writer.ts";
export { encodeUtf8, readUtf8, readUtf8Lossy, utf8Equals, utf8Length, writeUtf8 } from "./utf8.ts";
