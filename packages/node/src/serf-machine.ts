/** The machine of a node, made of its settings and of what was opened for it. */

import { randomInt } from "node:crypto";
import { ExtendedSerf, type ExtensionSettings } from "@hearsay/extended";
import type { SerfConfig } from "@hearsay/serf";
import type { Keyring } from "@hearsay/wire";
import type { Logger } from "./api.ts";
import type { Place } from "./engine.ts";
import { LiveKeyring } from "./live-keyring.ts";
import type { NodeSettings } from "./options.ts";
import { PoolMemory } from "./pool-memory.ts";
import type { Resolver } from "./resolve.ts";
import { codecFor, freshRng, sharedNames } from "./shared-parts.ts";
import type { StateSettings } from "./state/state-options.ts";
import { StateStore } from "./state/state-store.ts";

/** Lives that may begin in the same millisecond and still be told apart. */
const LIVES_PER_MS = 4096;
/** Then their numbers, which stay exact, begin anew: ms, some 70 years. */
const LIVES_REPEAT_MS = 2 ** 41;

/** What a node is made of, opened and ready. */
export interface Parts {
  readonly place: Place;
  readonly resolver: Resolver;
  /** The codec's own. Undefined: the node never encrypts. */
  readonly keyring: Keyring | undefined;
  readonly memory: PoolMemory | undefined;
  readonly store: StateStore | undefined;
}

/** What was kept of lives before, opened and read. @throws NodeError SNAPSHOT, STATE_FILE; nothing is left open then */
export async function openKept(
  settings: NodeSettings,
  logger: Logger | undefined,
): Promise<Pick<Parts, "memory" | "store">> {
  const memory = await PoolMemory.open(settings, logger);
  try {
    return { memory, store: await StateStore.open(settings.state, logger) };
  } catch (error) {
    await memory?.close();
    throw error;
  }
}

export function makeMachine(settings: NodeSettings, { place, keyring, memory, store }: Parts): ExtendedSerf {
  return new ExtendedSerf({
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
    ...(settings.state ? { extensions: extensionsFor(settings.state, store?.lastGeneration ?? 0) } : {}),
  });
}

/** A new life begins, later than all before even if somebody has set the clock back in between. */
function extensionsFor({ config, phi, detector }: StateSettings, lastGeneration: number): ExtensionSettings {
  const wallMs = Date.now();
  return {
    wallOffsetMs: wallMs - performance.now(),
    generation: Math.max(wallMs, lastGeneration + 1),
    life: (wallMs % LIVES_REPEAT_MS) * LIVES_PER_MS + randomInt(LIVES_PER_MS),
    state: config,
    phi,
    detector,
  };
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
