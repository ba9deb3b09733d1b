// @ts-check
/**
 * Changed packets and streams, made from the recorded ones, into the built codec: nothing may throw, hang, grow or come
 * out beyond its limits.
 *
 *   node interop/fuzz.mjs [--count 10000000] [--seed 1] [--max-ms 250] [--max-growth-mb 150]
 *
 * Prints drops by reason and memory on the way. Exit code 1 and the input in hex when something does not hold; the seed
 * makes it happen again.
 */
import { parseArgs } from "node:util";
import { nodeCipher, randomNonces } from "../packages/node/dist/cipher.js";
import { createCodec, Keyring } from "../packages/wire/dist/index.js";
import { Attack, extremes } from "../packages/wire/testing/attack.mjs";
import { corpus } from "../packages/wire/testing/mutate.mjs";

const { values: flags } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    "max-ms": { type: "string", default: "250" },
    "max-growth-mb": { type: "string", default: "150" },
  },
});
const count = Number(flags.count);
const maxMs = Number(flags["max-ms"]);
const maxGrowth = Number(flags["max-growth-mb"]);

const keyring = new Keyring([new Uint8Array(16).fill(7)]);
const cipher = { keyring, cipherFactory: nodeCipher, nonceSource: randomNonces() };
const attack = new Attack({
  codecs: [
    createCodec({ compression: false }),
    createCodec({ compression: "always", label: "dc1" }),
    createCodec({ ...cipher, compression: "always" }),
    createCodec({ ...cipher, protocolVersion: 1, verifyIncoming: false }),
  ],
  samples: [
    ...corpus(new URL("./vectors/memberlist/", import.meta.url)),
    ...extremes(createCodec({ compression: "always" })),
  ],
  seed: Number(flags.seed),
});

process.exitCode = run() ? 0 : 1;

/** @returns {boolean} whether everything held */
function run() {
  const start = performance.now();
  const interval = Math.max(1, Math.floor(count / 10));
  const growthFrom = Math.min(count, Math.max(interval, 100_000));
  let settledMb = 0;
  console.log(`${count} inputs from ${attack.samples.length} samples, seed ${flags.seed}`);
  while (attack.inputs < count) {
    try {
      attack.step();
    } catch (error) {
      return broken(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    if (attack.slowestMs > maxMs) return broken(`took ${attack.slowestMs.toFixed(0)} ms`);
    if (attack.inputs === growthFrom) settledMb = memoryMb();
    if (attack.inputs % interval !== 0) continue;
    const seconds = (performance.now() - start) / 1000;
    const mb = memoryMb();
    console.log(
      `${String(attack.inputs).padStart(10)} inputs ${seconds.toFixed(0).padStart(5)} s  ${mb.toFixed(0)} MB resident` +
        `  slowest ${attack.slowestMs.toFixed(1)} ms  ${attack.messages} messages accepted`,
    );
    if (settledMb > 0 && mb - settledMb > maxGrowth)
      return broken(`grew from ${settledMb.toFixed(0)} to ${mb.toFixed(0)} MB`);
  }
  console.log("drops by reason:");
  for (const [reason, times] of Object.entries(attack.drops).sort(([, a], [, b]) => b - a))
    console.log(`  ${reason.padEnd(20)} ${times}`);
  return true;
}

function memoryMb() {
  return process.memoryUsage.rss() / 1e6;
}

/** @param {string} what
 *  @returns {false} */
function broken(what) {
  console.error(`input ${attack.inputs} of seed ${flags.seed}: ${what}`);
  console.error(Buffer.from(attack.input).toString("hex"));
  return false;
}
