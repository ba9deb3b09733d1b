/** What a node says of itself and of others, as log lines: Serf's words where Serf has them. */
import type { Logger, Member, MemberEventType, SerfNode } from "@hearsay/node";
import { Throttle } from "./throttle.ts";

/** Not one of these lines comes more often than this for the same cause: ms. */
const REPEAT_MS = 60_000;

export interface EventLoggers {
  readonly serf: Logger;
  readonly memberlist: Logger;
}

/** Writes a line for each member that is there, then for what happens, until the function returned is called. */
export function logEvents(node: SerfNode, { serf, memberlist }: EventLoggers): () => void {
  const ends: (() => void)[] = [];
  const on: SerfNode["on"] = (event, listener) => {
    node.on(event, listener);
    ends.push(() => node.off(event, listener));
    return node;
  };
  const seldom = new Throttle(REPEAT_MS);
  const { encrypted } = node.stats();

  const joined = (member: Member) =>
    serf.info(facts("member-join", member), `EventMemberJoin: ${member.name} ${member.address}`);
  // Who was there before anybody could listen: ourselves, as a rule.
  for (const member of node.members()) joined(member);
  on("member-join", joined);
  on("member-leave", (member) => {
    const { name, address, state } = member;
    // Somebody else took it out: it did not say so itself.
    const forced = state === "left" ? "" : " (forced)";
    serf.info(facts("member-leave", member), `EventMemberLeave${forced}: ${name} ${address}`);
  });
  on("member-failed", (member) => {
    const { name, address } = member;
    serf.info(facts("member-failed", member), `EventMemberFailed: ${name} ${address}`);
    const explanation = node.why(name);
    // It may be back by now, when much happened at once: then this would explain a later state.
    if (explanation?.member?.status === "failed") memberlist.info({}, `${name}: ${explanation.summary}`);
  });
  on("member-update", (member) => serf.info(facts("member-update", member), `EventMemberUpdate: ${member.name}`));
  on("member-reap", (member) => serf.info(facts("member-reap", member), `EventMemberReap: ${member.name}`));
  on("member-suspect", (member) =>
    memberlist.info(facts("member-suspect", member), `${where(member)} is suspected to have failed`),
  );
  on("member-refuted", (member) =>
    memberlist.info(facts("member-refuted", member), `${where(member)} is alive after all`),
  );
  on("conflict", ({ name, own, held, claimed }) => {
    if (!seldom.allows(`conflict ${name} ${claimed}`)) return;
    const whose = own ? `our own name "${name}"` : `the name "${name}" of ${held}`;
    memberlist.warn({}, `name conflict: ${claimed} claims ${whose}; names must be unique`);
  });
  on("name-vote", ({ responses, matching, keep }) => {
    const votes = `[${matching} / ${responses}]`;
    if (!keep) serf.warn({}, `minority in name conflict resolution ${votes}: the pool knows our name elsewhere`);
    else if (responses > 0) serf.info({}, `majority in name conflict resolution ${votes}`);
    else serf.warn({}, "nobody is there to decide the name conflict; both stay");
  });
  on("isolated", () => {
    // Where everybody said goodbye, nothing is wrong.
    if (node.members().some(({ status }) => status === "failed"))
      serf.warn({}, "no other member can be reached; trying on");
    else serf.info({}, "no other member is left in the pool");
  });
  on("reconnected", () => serf.info({}, "other members can be reached again"));
  on("merge-refused", ({ peer, reason }) => {
    if (seldom.allows(`merge ${peer} ${reason}`)) memberlist.warn({}, `state exchange with ${peer} refused: ${reason}`);
  });
  on("dropped", ({ reason, peer, count }) => {
    const host = peer.replace(/:\d+$/, "");
    const times = count === 1 ? "a message" : `${count} messages`;
    const line = `dropped ${times} from ${peer}: ${explainDrop(reason, encrypted)} (${reason})`;
    if (!EVERYDAY.has(reason) && seldom.allows(`drop ${reason} ${host}`)) memberlist.warn({}, line);
    else memberlist.debug({}, line);
  });
  return () => {
    for (const end of ends) end();
  };
}

/** What a program that reads the JSON log wants of such a line. */
function facts(event: MemberEventType, member: Member): object {
  return { event, member: member.name, address: endpoint(member) };
}

function where(member: Member): string {
  return `${member.name} (${endpoint(member)})`;
}

function endpoint({ address, port }: Member): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** By the drop reasons of `@hearsay/core`; what most likely lies behind them, for people. */
const DROPS: Readonly<Record<string, string>> = {
  "not-encrypted": "it is not encrypted, but this pool is; does that node lack -encrypt?",
  "decrypt-failed": "it cannot be decrypted; that node's key is not one of ours",
  "encryption-version": "its encryption is of a kind we do not know",
  "label-mismatch": "its label is not ours; it belongs to another pool, or -label differs",
  "label-malformed": "its label is malformed",
  "version-mismatch": "its protocol versions do not go with ours",
  "version-vector": "it says nothing of its protocol versions",
  "member-limit": "the member list is full",
  "crc-mismatch": "it was damaged on its way",
  "queue-full": "too much came at once",
  "unknown-ack": "it answers nothing that we still wait for",
  "relay-limit": "we are asked to pass on too much at once",
  "extension-stranger":
    "it is about replicated state, and its sender is no member here that speaks of that; not yet, or no more",
  "extension-malformed":
    "it is neither Serf's nor about replicated state as we know it; is that node of a newer version?",
  "extension-unknown-type":
    "it is about replicated state, but of a kind we do not know; is that node of a newer version?",
};
const GARBLED = "it makes no sense; is it encrypted, or from another program?";

/** Drops that healthy pools have, too: nobody is to be bothered with them. */
const EVERYDAY: ReadonlySet<string> = new Set(["unknown-ack", "relay-limit", "extension-stranger"]);

function explainDrop(reason: string, encrypted: boolean): string {
  if (reason === "decrypt-failed" && !encrypted)
    return "it is encrypted, but this agent has no key; give it one with -encrypt";
  return Object.hasOwn(DROPS, reason) ? DROPS[reason]! : GARBLED;
}
