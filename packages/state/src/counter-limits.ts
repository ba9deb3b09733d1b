/** Bounds of the counters that every part of them must know. */

export const maxCounterNameBytes = 128;
/** A node's name on the wire of memberlist fits one byte of length less than this twice; nobody's is longer. */
export const maxWriterBytes = 255;
/** Parts into which lives fall by the first digits of their id. */
export const bucketCount = 64;
