/** Every bound of this package in one place; `docs/limits.md` tells their reasons. Bytes unless the name says otherwise. */

/** A label, in UTF-8. */
export const maxLabelBytes = 255;
/** A member's name, in UTF-8. The reference has no bound; its names are host names. */
export const maxNameBytes = 255;
/** A member's meta. The reference holds its senders to it, we hold receivers to it as well. */
export const maxMetaBytes = 512;
/** A member's version bytes. */
export const versionBytes = 6;
/** Length fields of a compound are 16 bits wide. */
export const maxPartBytes = 65_535;
/** Parts that are sent in one compound: peers before 0.2.4 misread more. */
export const maxPartsSent = 127;
/** Largest UDP payload over IPv4. */
export const maxDatagramBytes = 65_507;
/** Compounds and compress messages inside each other. Real senders use two levels. */
export const maxNesting = 4;
/** Default for all that one packet may decompress to. */
export const maxPacketInflatedBytes = 1024 * 1024;
/** Default for what a stream message may decompress to. */
export const maxStreamInflatedBytes = 40 * 1024 * 1024;
/** The length field of an encrypted stream message. */
export const maxSealedStreamBytes = 20 * 1024 * 1024;
/** Default for what is buffered of one stream: the largest sealed message with its header and label. */
export const maxStreamBytes = 40 * 1024 * 1024;
/** Default for node entries in a push/pull. */
export const maxPushPullNodes = 1_048_576;
/** User state of a push/pull, and a user message on a stream. */
export const maxUserStateBytes = 20 * 1024 * 1024;
/** Deepest nesting of MessagePack that is followed, under unknown keys and in values of any kind. */
export const maxMsgpackDepth = 32;
