import { hostname } from "node:os";
import { lanConfig } from "@hearsay/core";
import { describe, expect, test } from "vitest";
import type { NodeOptions } from "./api.ts";
import { NodeError } from "./errors.ts";
import { nodeSettings, poolSettings } from "./options.ts";

test("defaults", () => {
  expect(nodeSettings({})).toEqual({
    name: hostname(),
    bindHost: "0.0.0.0",
    bindPort: 7946,
    advertiseHost: undefined,
    advertisePort: undefined,
    seeds: [],
    lazySeeds: false,
    config: lanConfig,
    keys: [],
    verifyIncoming: true,
    verifyOutgoing: true,
    label: "",
    compression: true,
    tags: {},
    protocol: 5,
    broadcastTimeoutMs: 5000,
    tombstoneTimeoutMs: 24 * 3600 * 1000,
    keyringFile: undefined,
    snapshotPath: undefined,
    state: { config: {}, phi: {}, detector: "swim", file: undefined, saveIntervalMs: 10_000 },
    rejoinAfterLeave: false,
    userEventSizeLimit: 512,
    querySizeLimit: 1024,
    queryResponseSizeLimit: 1024,
    coordinates: true,
  });
});

test("what was said counts; undefined is not said", () => {
  const settings = nodeSettings({
    name: "web-1",
    bind: "[::]:0",
    advertise: "[2001:DB8::0001]:80",
    seeds: ["10.0.0.1", "srv:_a._udp.example"],
    profile: "wan",
    config: { probeIntervalMs: 2000, probeTimeoutMs: 1000, indirectChecks: undefined as unknown as number },
    keys: ["AAAAAAAAAAAAAAAAAAAAAA==", new Uint8Array(32)],
    label: "blue",
    compression: false,
    tags: { role: "web" },
    isolate: false,
    snapshotPath: "/var/lib/pool",
    rejoinAfterLeave: true,
    userEventSizeLimit: 9216,
    querySizeLimit: 100,
    queryResponseSizeLimit: 200,
    coordinates: false,
  } as NodeOptions);
  expect(settings).toMatchObject({
    name: "web-1",
    bindHost: "::",
    bindPort: 0,
    advertiseHost: "2001:db8::1",
    advertisePort: 80,
    config: { probeIntervalMs: 2000, probeTimeoutMs: 1000, indirectChecks: 3, gossipNodes: 4 },
    keys: [new Uint8Array(16), new Uint8Array(32)],
    label: "blue",
    compression: false,
  });
});

describe("one line each, naming the option, the value and what would be right", () => {
  const cases: [options: object, option: string, message: string][] = [
    [{ name: "" }, "name", 'name: "" is no name; want 1 … 255 bytes of text'],
    [{ name: "ä".repeat(128) }, "name", "is 256 bytes long; want 1 … 255"],
    [{ name: 7 }, "name", "name: 7 is no name"],
    [{ bind: "0.0.0.0:99999" }, "bind", 'bind: "0.0.0.0:99999" has the port "99999"; want a number from 0 to 65535'],
    [
      { bind: "300.0.0.1" },
      "bind",
      'bind: "300.0.0.1" is no IP address; want one such as 0.0.0.0, 10.0.0.5 or [::1], with :port or without',
    ],
    [{ bind: "[nonsense:x]:7946" }, "bind", "is no IP address; want one such as 0.0.0.0, 10.0.0.5 or [::1]"],
    [{ bind: "a b" }, "bind", "nor a host name; want one such as 0.0.0.0"],
    [{ advertise: "1:2:3" }, "advertise", "is no IP address; want one such as 10.0.0.5 or [2001:db8::5], with :port"],
    [{ bind: "fe80::1%eth0" }, "bind", "zone"],
    [{ advertise: "0.0.0.0" }, "advertise", "cannot be dialled"],
    [{ advertise: "10.0.0.1:0" }, "advertise", "has port 0"],
    [{ seeds: "10.0.0.1" }, "seeds", 'seeds: "10.0.0.1" is no list'],
    [{ seeds: ["10.0.0.1", "a b"] }, "seeds[1]", 'seeds[1]: "a b" is neither an IP address nor a host name'],
    [{ tags: { role: 1 } }, "tags.role", "tags.role: 1 is no text"],
    [{ tags: ["web"] }, "tags", "is no object"],
    [{ profile: "lna" }, "profile", 'profile: "lna" is no profile; want lan, wan or local'],
    [{ config: { probeInterval: 5 } }, "config.probeInterval", "is no setting; did you mean config.probeIntervalMs?"],
    [{ config: { gossipNodes: 2.5 } }, "config.gossipNodes", "2.5 is out of range; want a whole number from 1 to 1000"],
    [{ config: { probeTimeoutMs: 5000 } }, "config.probeTimeoutMs", "is longer than config.probeIntervalMs (1000)"],
    [{ config: { streamPings: 1 } }, "config.streamPings", "neither true nor false"],
    [{ label: "x".repeat(256) }, "label", "is 256 bytes long"],
    [{ compression: "yes" }, "compression", "neither true nor false"],
    [{ seed: ["10.0.0.1"] }, "seed", "is no option of createNode; did you mean seeds?"],
    [{ signal: {} }, "signal", "is no AbortSignal"],
    [{ protocol: 6 }, "protocol", "want a whole number from 2 to 5"],
    [
      { keyringFile: "keys.json", keys: [new Uint8Array(16)] },
      "keyringFile",
      'keyringFile: "keys.json" excludes keys; give the keys in the file, or keys without a file',
    ],
    [{ keyringFile: "" }, "keyringFile", 'keyringFile: "" is no path; want the name of a file'],
    [
      { stateFile: "x", snapshotPath: "./x" },
      "snapshotPath",
      'snapshotPath: "./x" is a file of stateFile; give each its own',
    ],
    [{ stateFile: "x", keyringFile: "x.log" }, "keyringFile", "is a file of stateFile"],
    [{ snapshotPath: "y", keyringFile: "a/../y" }, "keyringFile", "is a file of snapshotPath"],
    [{ snapshotPath: 7 }, "snapshotPath", "snapshotPath: 7 is no path"],
    [{ snapshotPath: "a\0b" }, "snapshotPath", "null character"],
    [{ rejoinAfterLeave: 1 }, "rejoinAfterLeave", "neither true nor false"],
    [{ coordinates: "on" }, "coordinates", "neither true nor false"],
    [
      { userEventSizeLimit: 9217 },
      "userEventSizeLimit",
      "userEventSizeLimit: 9217 is too large: user event size limit exceeds limit of 9216 bytes",
    ],
    [{ userEventSizeLimit: 0 }, "userEventSizeLimit", "want a whole number from 1 to 9216"],
    [{ querySizeLimit: 0.5 }, "querySizeLimit", "want a whole number of at least 1"],
    [{ queryResponseSizeLimit: -1 }, "queryResponseSizeLimit", "want a whole number of at least 1"],
    [{ tombstoneTimeoutMs: 0 }, "tombstoneTimeoutMs", "want a number of at least 1"],
  ];
  test.each(cases)("%j", (options, option, message) => {
    const error = refused(() => nodeSettings(options as NodeOptions));
    expect(error).toMatchObject({ code: "BAD_OPTION", option });
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("\n");
  });

  test("keys, whose values are never shown", () => {
    for (const [key, message] of [
      ["secret!", "keys[0]: is neither bytes nor base64; make one with: hearsay keygen"],
      ["c2VjcmV0", "keys[0]: is 6 bytes long; want 16, 24 or 32 (AES-128, -192, -256)"],
    ] as const) {
      const error = refused(() => nodeSettings({ keys: [key] }));
      expect(error).toMatchObject({ code: "BAD_KEY", option: "keys", message });
    }
  });

  test("options of the other kind of node", () => {
    expect(refused(() => poolSettings({ tags: {} } as NodeOptions, ["meta"])).message).toContain(
      "is no option of createMemberlist",
    );
  });
});

function refused(act: () => unknown): NodeError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    return error as NodeError;
  }
  throw new Error("not refused");
}
