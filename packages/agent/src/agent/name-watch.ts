/**
 * Two processes of one name. Serf's agents ask the pool, both of them, and the one that the majority does not know at its
 * address stops, without leaving: the name stays the other's (Serf protocol notes, section 7.9). So does this one; but it
 * ends with an error where Serf's ends with exit code 0, for nobody wanted it to end, and whoever supervises it should know.
 *
 * A newcomer need not wait for the vote: if the pool has not had it yet when the conflict is seen, the other was there first.
 * It steps back at once, with a line that says why, before it can confuse anybody. The founder of a pool, who joins nobody,
 * is no newcomer.
 */
import { hostname } from "node:os";
import type { Member, NameVote, NodeEventMap, SerfNode } from "@hearsay/node";
import { type AgentConfig, ConfigError } from "./config.ts";

/** Somebody who holds our name this soon after our start had it first: ms. */
const NAME_TRIAL_MS = 60_000;
/** A pool that has had us for this long before a name conflict has accepted us: ms. */
const ACCEPTED_MS = 3000;

/** Calls `stop`, with one line for people, when the name is another's; until the function returned is called. */
export function watchName(node: SerfNode, config: AgentConfig, stop: (message: string) => void): () => void {
  if (config.disableNameResolution) return () => {};
  const newcomer = config.startJoin.length + config.retryJoin.length > 0;
  const started = performance.now();
  let accepted = Number.POSITIVE_INFINITY;
  const onJoin = ({ name }: Member) => {
    if (name !== node.name) accepted = Math.min(accepted, performance.now());
  };
  const onConflict = ({ own, name, claimed }: NodeEventMap["conflict"][0]) => {
    const now = performance.now();
    if (!own || !newcomer || now - started > NAME_TRIAL_MS || now - accepted > ACCEPTED_MS) return;
    stop(`node name "${name}" is already in use by ${claimed}; choose another with -node`);
  };
  const onVote = ({ responses, matching, keep }: NameVote) => {
    if (keep) return;
    const asked = `${matching} of ${responses} members that were asked know it at our address`;
    stop(`node name "${node.name}" is another's: ${asked}; choose another with -node`);
  };
  node.on("member-join", onJoin).on("conflict", onConflict).on("name-vote", onVote);
  return () => node.off("member-join", onJoin).off("conflict", onConflict).off("name-vote", onVote);
}

/**
 * `validate_node_names`, as newer releases of Serf's library have it.
 * @throws ConfigError
 */
export function checkNodeName({ nodeName = hostname(), validateNodeNames }: AgentConfig): void {
  if (!validateNodeNames || /^[A-Za-z0-9.-]{1,128}$/.test(nodeName)) return;
  const want = "with validate_node_names, it must be 1 to 128 letters, digits, hyphens and dots";
  throw new ConfigError(`-node: ${JSON.stringify(nodeName)} is no such name; ${want}`);
}
