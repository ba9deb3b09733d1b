// @ts-check
/** From figures to Markdown tables. A ratio is ours to memberlist's, so that less is better everywhere. */

/**
 * What a measuring program reports.
 * @typedef {{ what: string, result: any }} Report
 * @typedef {{ reference: Report | undefined, ours: Report | undefined }} Pair
 * @typedef {{ complete: boolean, seconds: number, cpuSeconds: number, packets: number, otherCores: number }} Rush
 */

/** @param {Pair} pair */
export function codecTable({ reference, ours }) {
  /** @type {Map<string, { wireBytes?: number, reference?: number, ours?: number }>} */
  const rows = new Map();
  for (const { name, wireBytes, ns } of reference?.result ?? []) rows.set(name, { wireBytes, reference: ns });
  for (const { name, wireBytes, ns } of ours?.result ?? []) rows.set(name, { wireBytes, ...rows.get(name), ours: ns });
  return table(
    `Codec, one core`,
    ["operation", "wire bytes", `${label(reference)}: ns`, `${label(ours)}: ns`, "ratio", "times as fast"],
    [...rows].map(([name, row]) => [
      name,
      row.wireBytes ? String(row.wireBytes) : "",
      figure(row.reference, 0),
      figure(row.ours, 0),
      ratio(row.ours, row.reference),
      ratio(row.reference, row.ours),
    ]),
  );
}

/** @param {Record<number, readonly Pair[]>} runs */
export function rushTable(runs) {
  const rows = [];
  for (const [n, pairs] of Object.entries(runs)) {
    for (const key of /** @type {const} */ (["reference", "ours"])) {
      /** @type {Rush[]} */
      const list = pairs.flatMap((pair) => pair[key]?.result ?? []);
      if (list.length === 0) continue;
      const complete = list.filter((one) => one.complete);
      const seconds = complete.map((one) => one.seconds);
      rows.push([
        n,
        label(pairs.find((pair) => pair[key])?.[key]),
        `${complete.length} of ${list.length}`,
        `${complete.filter((one) => one.seconds <= 10).length} of ${list.length}`,
        figure(median(seconds), 2),
        figure(seconds.length > 0 ? Math.max(...seconds) : undefined, 2),
        figure(median(list.map((one) => one.cpuSeconds)), 1),
        figure(median(list.map((one) => one.packets)), 0),
        figure(median(list.map((one) => one.otherCores)), 2),
      ]);
    }
  }
  const heads = ["N", "", "all see all", "within 10 s", "median s", "worst s", "CPU s", "packets", "other load, cores"];
  return table("Rush: everybody joins at once through one seed", heads, rows);
}

/** @param {Record<number, Pair>} runs */
export function clusterTables(runs) {
  const first = Object.values(runs)[0];
  const heads = ["measure", "N", label(first?.reference), label(first?.ours), "ratio"];
  /** @type {string[][]} */
  const rows = [];
  for (const [title, part, key, digits] of measures) {
    for (const [n, pair] of Object.entries(runs)) {
      const [theirs, our] = [value(pair.reference, part, key), value(pair.ours, part, key)];
      if (theirs === undefined && our === undefined) continue;
      rows.push([title, n, figure(theirs, digits), figure(our, digits), ratio(our, theirs)]);
    }
  }
  return table("N nodes in one process, on loopback addresses of their own, LAN profile", heads, rows);
}

/** @type {readonly (readonly [title: string, part: string, key: string, digits: number])[]} */
const measures = [
  ["join in waves of 50, s", "join", "seconds", 2],
  ["join in waves of 50, CPU s", "join", "cpuSeconds", 2],
  ["at rest: CPU ms per node and second", "rest", "cpuMsPerNodeSecond", 3],
  ["at rest: packets sent per node and second", "rest", "packetsPerNodeSecond", 2],
  ["at rest: bytes sent per node and second", "rest", "bytesPerNodeSecond", 0],
  ["at rest: suspicions", "rest", "suspicions", 0],
  ["at rest: wrong deaths", "rest", "wrongDeaths", 0],
  ["at rest: RSS, MB", "rest", "rssMb", 1],
  ["RSS of the process before its first node, MB", "rest", "emptyRssMb", 1],
  ["RSS per node, kB", "rest", "rssKbPerNode", 0],
  ["RSS added per node, kB", "rest", "rssAddedKbPerNode", 0],
  ["memory in use per node (live objects and stacks, after a collection), kB", "rest", "liveKbPerNode", 0],
  ["at rest: load of the rest of the machine, cores", "rest", "otherCores", 2],
  ["broadcast of 64 bytes: half have it, ms", "broadcast", "ms50", 0],
  ["broadcast of 64 bytes: 99 % have it, ms", "broadcast", "ms99", 0],
  ["broadcast of 64 bytes: all have it, ms", "broadcast", "ms100", 0],
  ["broadcast: packets above rest", "broadcast", "packets", 0],
  ["broadcast: copies received", "broadcast", "copies", 0],
  ["broadcast: CPU above rest, ms", "broadcast", "cpuMs", 0],
  ["broadcast: CPU µs per packet", "broadcast", "cpuUsPerPacket", 0],
  ["crash: first suspicion, ms", "crash", "firstSuspicionMs", 0],
  ["crash: first dead, ms", "crash", "firstDeadMs", 0],
  ["crash: everyone knows, ms", "crash", "allMs", 0],
];

/** A figure of a part; of a series, the median.
 *  @param {Report | undefined} report
 *  @param {string} part
 *  @param {string} key
 *  @returns {number | undefined} */
function value(report, part, key) {
  const found = report?.result?.[part]?.[key];
  return Array.isArray(found) ? median(found) : found;
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 === 1 ? sorted[middle] : (Number(sorted[middle - 1]) + Number(sorted[middle])) / 2;
}

/** @param {Report | undefined} report */
function label(report) {
  return report?.what ?? "–";
}

/** @param {number | undefined} number
 *  @param {number} digits */
function figure(number, digits) {
  if (number === undefined || number === null) return "–";
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number | undefined} one
 *  @param {number | undefined} other */
function ratio(one, other) {
  return one === undefined || !other ? "–" : (one / other).toFixed(2);
}

/** @param {string} title
 *  @param {readonly string[]} heads
 *  @param {readonly (readonly string[])[]} rows */
function table(title, heads, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [`### ${title}\n`, line(heads), line(heads.map(() => "---")), ...rows.map(line), ""].join("\n");
}
