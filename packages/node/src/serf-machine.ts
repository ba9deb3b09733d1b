/** The machine of a node, made of its settings and of what was opened for it. */

import { Serf, type SerfConfig } from "@hearsay/serf";
import type { Keyring } from "@hearsay/wire";
import type { Place } from "./engine.ts";
import { LiveKeyring } from "./live-keyring.ts";
import type { NodeSettings } from "./options.ts";
import type { PoolMemory } from "./pool-memory.ts";
import type { Resolver } from "./resolve.ts";
import { codecFor, freshRng, sharedNames } from "./shared-parts.ts";

/** What a node is made of, opened and ready. */
export interface Parts {
  readonly place: Place;
  readonly resolver: Resolver;
  /** The codec's own. Undefined: the node never encrypts. */
  readonly keyring: Keyring | undefined;
  readonly memory: PoolMemory | undefined;
}

export function makeSerf(settings: NodeSettings, { place, keyring, memory }: Parts): Serf {
  return new Serf({
    name: settings.name,
    addr: place.addr,
    port: place.port,
    bindPort: place.sockets.port,
    config: settings.config,
    codec: codecFor(settings, keyring, settings.queryResponseSizeLimit),
    rng: freshRng(),
    names: sharedNames(),
    tags: settings.tags,
    protocol: settings.protocol,
    serfConfig: serfConfigFor(settings),
    coordinates: settings.coordinates,
    ...(keyring ? { keyring: new LiveKeyring(keyring, settings.keyringFile) } : {}),
    ...(memory?.past ? { restored: memory.past } : {}),
  });
}

/** How long the failed are tried again is one setting, though both layers need it. */
function serfConfigFor(settings: NodeSettings): Partial<SerfConfig> {
  const { broadcastTimeoutMs, tombstoneTimeoutMs, userEventSizeLimit, querySizeLimit, queryResponseSizeLimit } =
    settings;
  return {
    reconnectTimeoutMs: settings.config.reconnectTimeoutMs,
    broadcastTimeoutMs,
    tombstoneTimeoutMs,
    userEventSizeLimit,
    querySizeLimit,
    queryResponseSizeLimit,
  };
}
