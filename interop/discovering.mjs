// @ts-check
/**
 * A program with a node inside that finds its pool by multicast, for the suites: takes `{ name, bind, discovery }` as JSON,
 * where `discovery` goes to `startDiscovery`, and prints what it has found.
 */
import { createNode } from "hearsay";
import { startDiscovery } from "../packages/agent/dist/discovery/discovery.js";

const { name, bind, discovery } = JSON.parse(process.argv[2] ?? "{}");
const node = await createNode({ name, bind });
/** @param {object} _
 *  @param {string} text */
const print = (_, text) => console.log(text);
const log = { trace: print, debug: print, info: print, warn: print, error: print };
await startDiscovery({
  nodeName: name,
  address: node.address,
  port: node.port,
  ipv4: true,
  ipv6: true,
  ...discovery,
  log,
  onFound: async (addresses) => {
    console.log(`found ${addresses.join(" ")}`);
    return (await node.join(addresses)).failures.map(({ address }) => address);
  },
});
console.log("ready");
