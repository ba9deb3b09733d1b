// @ts-check
/**
 * The foreign programs that the interop suites talk to, and what the machine must be able to do for them: which are
 * there, which can be brought, and what to install for the rest.
 */
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root, run } from "./bootstrap.mjs";

/**
 * @typedef {object} Peers
 * @property {string | undefined} serf path of HashiCorp's serf
 * @property {boolean} namespaces whether network namespaces can be made and filtered here
 * @property {boolean} shells whether zsh and fish are there, to read our completion scripts
 */

const cached = join(root, ".cache/peers/usr/bin/serf");
/** Administrators' tools are often outside a user's PATH, and what those call in turn, too. */
const searchPath = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** PATH with those: for what runs peers. */
export const toolPath = searchPath.join(delimiter);
const env = { ...process.env, PATH: toolPath, DEBIAN_FRONTEND: "noninteractive" };

/** What is there. Changes nothing that lasts.
 *  @returns {Promise<Peers>} */
export async function findPeers() {
  const serf = process.env.HEARSAY_SERF || which("serf") || executable(cached);
  return { serf, namespaces: await canNetns(), shells: hasShells() };
}

/**
 * What is there after bringing what may be brought: Debian's serf is unpacked into .cache (no root, no service started
 * on the machine), and the namespace tools and shells are installed where this process is root.
 * @returns {Promise<Peers>}
 */
export async function bringPeers() {
  let peers = await findPeers();
  if (peers.serf && peers.namespaces && peers.shells) return peers;
  if (!which("apt-get")) return peers;
  const isRoot = process.getuid?.() === 0;
  const wanted = [
    ...(which("nft") && which("ip") ? [] : ["iproute2", "nftables"]),
    ...(hasShells() ? [] : ["zsh", "fish"]),
  ];
  const tools = isRoot && wanted.length > 0;
  if (peers.serf && !tools) return peers;
  process.stderr.write("hearsay: bringing the peers of the interop suites ... ");
  const fetch = async () => {
    const serf = peers.serf !== undefined || (await unpackSerf());
    const install = ["install", "-y", "-qq", "--no-install-recommends", ...wanted];
    return serf && (!tools || (await apt(install)));
  };
  if (!(await fetch()) && isRoot && (await apt(["update", "-qq"]))) await fetch();
  peers = await findPeers();
  process.stderr.write(peers.serf ? "done\n" : "not possible here\n");
  return peers;
}

/** One line for each thing that is missing: what does not run without it, and what to do.
 *  @param {Peers} peers */
export function missing(peers) {
  const lines = [];
  if (!peers.serf)
    lines.push(
      "interop with real serf agents: install serf (Debian and Ubuntu: apt-get install serf), or set HEARSAY_SERF",
    );
  if (!peers.namespaces)
    lines.push("interop with cut networks: needs Linux, root, and ip and nft (apt-get install iproute2 nftables)");
  if (!peers.shells)
    lines.push("completion scripts read by their shells: install zsh and fish (apt-get install zsh fish)");
  return lines;
}

function hasShells() {
  return which("zsh") !== undefined && which("fish") !== undefined;
}

/** Whether network namespaces can be made here, joined by a virtual cable, and filtered. Tries it. */
async function canNetns() {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !which("ip") || !which("nft")) return false;
  const name = `hearsay-probe-${process.pid}`;
  const steps = [
    ["ip", "netns", "add", name],
    ["ip", "-n", name, "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"],
    ["ip", "-n", name, "link", "add", "probe2", "type", "bridge"],
    ["ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe"],
  ];
  let works = true;
  for (const [command = "", ...args] of steps) works &&= (await run(command, args, { env })).code === 0;
  await run("ip", ["netns", "del", name], { env });
  return works;
}

async function unpackSerf() {
  const dir = mkdtempSync(join(tmpdir(), "hearsay-serf-"));
  try {
    // As root, apt downloads as its own user, who may not write here, and says so; it downloads all the same.
    if ((await run("apt-get", ["download", "-qq", "serf"], { cwd: dir, env })).code !== 0) return false;
    const archive = readdirSync(dir).find((name) => name.endsWith(".deb"));
    if (!archive) return false;
    mkdirSync(join(root, ".cache/peers"), { recursive: true });
    return (await run("dpkg-deb", ["-x", join(dir, archive), join(root, ".cache/peers")], { env })).code === 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {string[]} args */
async function apt(args) {
  return (await run("apt-get", args, { env })).code === 0;
}

/** @param {string} program */
function which(program) {
  for (const dir of searchPath) {
    const found = dir && executable(join(dir, program));
    if (found) return found;
  }
  return undefined;
}

/** @param {string} path */
function executable(path) {
  if (!existsSync(path)) return undefined;
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
