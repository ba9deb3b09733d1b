/** What the log says of the machine's events. Each line has the event's name in `event`, for loggers that tell it themselves. */

import { formatEndpoint } from "@hearsay/core";
import type { ExtendedEvent } from "@hearsay/extended";
import type { Logger } from "./api.ts";

export function logEvent(logger: Logger | undefined, event: ExtendedEvent): void {
  if (!logger) return;
  switch (event.type) {
    case "member-join":
    case "member-leave":
    case "member-failed":
    case "member-update":
    case "member-reap":
    case "member-suspect":
    case "member-refuted": {
      const { type, member } = event;
      const address = formatEndpoint(member.endpoint);
      const level = type === "member-failed" ? "warn" : type === "member-update" ? "debug" : "info";
      logger[level]({ event: type, member: member.name, address }, `${type}: ${member.name} ${address}`);
      break;
    }
    case "conflict": {
      const held = formatEndpoint(event.held.endpoint);
      const claimed = formatEndpoint({ address: event.address, port: event.port });
      const { name } = event.held;
      const whose = event.own ? "our name" : "the name";
      logger.warn(
        { event: "conflict", name, held, claimed },
        `name conflict: ${whose} ${JSON.stringify(name)}, held by ${held}, is claimed by ${claimed} too; give each node its own`,
      );
      break;
    }
    case "isolated":
      logger.warn({ event: "isolated" }, "isolated: no other member can be reached; going on trying");
      break;
    case "reconnected":
      logger.info({ event: "reconnected" }, "reconnected: other members can be reached again");
      break;
    case "merge-refused": {
      const peer = formatEndpoint(event.peer);
      logger.warn({ event: "merge-refused", peer }, `state exchange with ${peer} refused: ${event.reason}`);
      break;
    }
    case "user-event":
      logger.debug({ event: "user-event", name: event.name }, `user-event: ${event.name}`);
      break;
    case "query":
      logger.debug({ event: "query", name: event.name, from: event.from }, `query: ${event.name} from ${event.from}`);
      break;
    case "name-vote": {
      const { responses, matching, keep } = event;
      const verdict = keep ? "we keep it" : "most know it elsewhere";
      logger[keep ? "info" : "warn"](
        { event: "name-vote", responses, matching, keep },
        `vote about our name: ${matching} of ${responses} members know it here; ${verdict}`,
      );
      break;
    }
    case "phi-suspect": {
      const { name, phi, silentMs } = event;
      const silence = `no heartbeat for ${Math.round(silentMs)} ms, phi ${phi.toFixed(1)}`;
      logger.info({ event: "phi-suspect", member: name, phi, silentMs }, `phi-suspect: ${name} (${silence})`);
      break;
    }
    default:
  }
}
