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
