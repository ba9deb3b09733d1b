import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AGENT_SPEC } from "../cli/agent-spec.ts";
import { parseCommand } from "../cli/parse.ts";
import { loadConfig } from "./config-files.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hearsay-config-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const put = (name: string, content: unknown) => {
  const path = join(directory, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const load = (...argv: string[]) => loadConfig(parseCommand(AGENT_SPEC, argv).flags);
const KEY = Buffer.alloc(32, 1).toString("base64");

test("without anything: Serf's defaults", () => {
  const { config, keys, warnings } = load();
  expect(config).toMatchObject({
    bind: "0.0.0.0",
    rpcAddr: "127.0.0.1:7373",
    profile: "lan",
    protocol: 5,
    logLevel: "INFO",
    retryIntervalMs: 30_000,
    broadcastTimeoutMs: 5000,
    enableCompression: true,
  });
  expect([keys, warnings]).toEqual([[], []]);
});

describe("replicated state", () => {
  test("on by default, off by a flag or a file, with its file and its detector", () => {
    expect(load().config).toMatchObject({ state: true, stateFile: undefined, detector: "swim" });
    const off = put("off.json", { state: false });
    expect(load("-config-file", off).config.state).toBe(false);
    expect(load("-config-file", off, "-state").config.state).toBe(true);
    expect(load("-state=false").config.state).toBe(false);
    const on = put("on.json", { state_file: "s.bin", detector: "phi" });
    expect(load("-config-file", on).config).toMatchObject({ stateFile: "s.bin", detector: "phi" });
    expect(load("-config-file", on, "-state-file=t.bin", "-detector=swim").config).toMatchObject({
      ...{ stateFile: "t.bin", detector: "swim" },
    });
  });

  test("what does not go together, or is none", () => {
    expect(() => load("-state=false", "-state-file=s")).toThrow("give -state-file or -state=false");
    expect(() => load("-state=false", "-detector=phi")).toThrow("leave -state=false out");
    expect(() => load("-detector=raft")).toThrow("-detector: Unknown detector: raft. It must be swim or phi");
    expect(() => load("-state=maybe")).toThrow("-state is a switch");
    expect(() => load("-config-file", put("x.json", { state: "no" }))).toThrow('"state" must be true or false');
  });
});

describe("merging", () => {
  test("later values win, lists are appended, tags merge, what is on stays on, flags come last", () => {
    const a = put("a.json", {
      node_name: "a",
      tags: { role: "web", dc: "east" },
      start_join: ["1.1.1.1"],
      retry_join: ["2.2.2.2"],
      leave_on_terminate: true,
      Profile: "wan",
      retry_interval: "1m",
    });
    const b = put("b.json", {
      node_name: "b",
      tags: { role: "db" },
      start_join: ["3.3.3.3"],
      leave_on_terminate: false,
      enable_compression: false,
    });
    const { config } = load("-config-file", a, "-config-file", b, "-node", "c", "-join=4.4.4.4", "-tag", "x=1");
    expect(config).toMatchObject({
      nodeName: "c",
      tags: { role: "db", dc: "east", x: "1" },
      startJoin: ["1.1.1.1", "3.3.3.3", "4.4.4.4"],
      retryJoin: ["2.2.2.2"],
      leaveOnTerminate: true,
      profile: "wan",
      retryIntervalMs: 60_000,
      enableCompression: false,
    });
  });

  test("a directory is its *.json in byte order, in its place among the files", () => {
    const sub = join(directory, "conf.d");
    mkdirSync(sub);
    mkdirSync(join(sub, "x.json"));
    writeFileSync(join(sub, "b.json"), '{"node_name": "b"}');
    writeFileSync(join(sub, "B.json"), '{"node_name": "B", "bind": "10.0.0.1"}');
    writeFileSync(join(sub, "z.txt"), "not JSON");
    const last = put("last.json", { node_name: "last" });
    expect(load("-config-dir", sub).config).toMatchObject({ nodeName: "b", bind: "10.0.0.1" });
    expect(load("-config-dir", sub, "-config-file", last).config.nodeName).toBe("last");
    expect(load("-config-file", last, "-config-dir", sub).config.nodeName).toBe("b");
  });

  test("role is a tag; too short times are raised", () => {
    const { config } = load("-role=web", "-retry-interval=1ms", "-broadcast-timeout=1ms");
    expect(config).toMatchObject({ tags: { role: "web" }, retryIntervalMs: 1000, broadcastTimeoutMs: 1000 });
  });

  test("too long ones are lowered: Node's timers would not wait at all", () => {
    const { config } = load("-retry-interval=1000h", "-broadcast-timeout=1000h");
    expect(config).toMatchObject({ retryIntervalMs: 2 ** 31 - 1, broadcastTimeoutMs: 2 ** 31 - 1 });
  });

  test.each([
    ...(["node_name", "bind", "advertise", "rpc_addr", "profile", "log_level", "log_format", "encrypt_key"] as const),
    ...([
      "retry_interval",
      "broadcast_timeout",
      "reconnect_interval",
      "reconnect_timeout",
      "tombstone_timeout",
    ] as const),
  ])("%s: empty, it says nothing", (key) => {
    expect(load("-config-file", put("a.json", { [key]: "" })).config).toEqual(load().config);
  });

  test("an empty value does not take back an earlier one; protocol 0 chooses none, a tag of null is empty", () => {
    const kept = { rpc_auth: "token", label: "l", snapshot_path: "s", tags_file: "t", query_size_limit: 9 };
    const a = put("a.json", { node_name: "a", bind: "10.0.0.1", protocol: 4, retry_interval: "1m", ...kept });
    const empty = { rpc_auth: "", label: "", snapshot_path: "", tags_file: "", query_size_limit: 0 };
    const b = put("b.json", { node_name: "", bind: "", protocol: 0, retry_interval: "", tags: { x: null }, ...empty });
    const flags = ["-node=", "-profile=", "-advertise=", "-protocol=0"];
    const { config } = load("-config-file", a, "-config-file", b, ...flags);
    expect(config).toMatchObject({ nodeName: "a", bind: "10.0.0.1", protocol: 4, retryIntervalMs: 60_000 });
    expect(config).toMatchObject({ rpcAuth: "token", label: "l", snapshotPath: "s", tagsFile: "t", querySizeLimit: 9 });
    expect([config.advertise, config.tags]).toEqual([undefined, { x: "" }]);
    // That would be a secret that is missing.
    expect(() => load("-encrypt=")).toThrow("Invalid encryption key");
  });

  test("event handlers are appended, mDNS settings merge, limits of 0 leave the default", () => {
    const a = put("a.json", {
      event_handlers: ["a", "member-join=b"],
      mdns: { interface: "eth0", disable_ipv4: true },
      user_event_size_limit: 0,
      query_size_limit: 2000,
      disable_coordinates: true,
      snapshot_path: "x",
    });
    const b = put("b.json", { event_handlers: null, mdns: { Disable_IPv4: false, interface: "eth1" }, discover: "c" });
    const flags = ["-event-handler=user:x=c", "-iface=lo", "-tags-file=t", "-rejoin", "-snapshot=y", "-keyring-file="];
    const { config, warnings } = load("-config-file", a, "-config-file", b, ...flags);
    expect(config.eventHandlers.map(({ text }) => text)).toEqual(["a", "member-join=b", "user:x=c"]);
    expect(config).toMatchObject({
      mdns: { interfaceName: "eth1", disableIpv4: true, disableIpv6: false },
      userEventSizeLimit: undefined,
      querySizeLimit: 2000,
      queryResponseSizeLimit: undefined,
      disableCoordinates: true,
      disableNameResolution: false,
      discover: "c",
      interfaceName: "lo",
      tagsFile: "t",
      snapshotPath: "y",
      rejoinAfterLeave: true,
      keyringFile: undefined,
    });
    expect(warnings).toEqual([]);
    expect(load("-mdns-iface=eth2", "-mdns-disable-ipv6", "-discover=c").config.mdns).toEqual({
      interfaceName: "eth2",
      disableIpv4: false,
      disableIpv6: true,
    });
  });

  test("what was asked for and will not happen is said in a line each", () => {
    const file = put("a.json", {
      ...{
        enable_syslog: true,
        syslog_facility: "LOCAL0",
        statsd_addr: "x:1",
        statsite_addr: "",
        rejoin_after_leave: true,
      },
    });
    const expected = [
      expect.stringMatching(/^'RejoinAfterLeave' enabled without snapshot file/),
      expect.stringMatching(/^the log cannot go to syslog by itself: .*logger -t serf/),
      expect.stringMatching(/^"statsd_addr" has no effect: .*hearsay info/),
    ];
    expect(load("-config-file", file).warnings).toEqual(expected);
    expect(load("-syslog").warnings).toEqual(expected.slice(1, 2));
  });
});

describe("keys", () => {
  test("one from a flag, many from a file, not both", () => {
    expect(load("-encrypt", KEY).keys).toEqual([KEY]);
    const second = Buffer.alloc(16, 2).toString("base64");
    const file = put("keyring.json", [KEY, second]);
    expect(load("-keyring-file", file).keys).toEqual([KEY, second]);
    expect(() => load("-keyring-file", file, "-encrypt", KEY)).toThrow("not allowed while using a keyring");
  });
  test.each([
    ["[]", "contains no keys"],
    ["{}", "must be a JSON array"],
    ["nonsense", "no valid JSON"],
    ['["AAAA"]', "key 1: Invalid encryption key: key size must be 16, 24 or 32 bytes, not 3"],
  ])("keyring %s", (content, message) => {
    expect(() => load("-keyring-file", put("keyring.json", content))).toThrow(message);
  });
  test("a wrong key is not shown", () => {
    expect(() => load("-encrypt", "c2VjcmV0")).toThrow(/^(?!.*c2VjcmV0)/);
  });
});

test("what stands in a broken file is not quoted", () => {
  const message = (text: string) => {
    try {
      load("-config-file", put("broken.json", text));
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  expect(message("hunter2")).toMatch(/broken\.json: no valid JSON: Unexpected token 'h'$/);
  expect(message('{"rpc_auth": "hunter2"; "x": 1}')).toMatch(/no valid JSON: Expected .* position 22[^"]*$/);
});

describe("refused, with one line that names the place", () => {
  test.each([
    [{ node_nmae: "x" }, 'unknown key "node_nmae"; did you mean "node_name"?'],
    // Two of four letters differ from "role": that is no slip.
    [{ code: "x" }, /unknown key "code"$/],
    [{ node_name: 7 }, '"node_name" must be a string, not 7'],
    [{ tags: ["x"] }, '"tags" must be an object of strings'],
    [{ tags: "" }, '"tags" must be an object of strings'],
    [{ leave_on_terminate: "" }, '"leave_on_terminate" must be true or false'],
    [{ tags: { a: 1 } }, '"tags": "a" must be a string, not 1'],
    [{ start_join: "x" }, '"start_join" must be an array of strings'],
    [{ leave_on_terminate: "yes" }, '"leave_on_terminate" must be true or false'],
    [{ retry_interval: "5" }, '"retry_interval" must be a duration such as "30s"'],
    [{ retry_max_attempts: -1 }, '"retry_max_attempts" must be 0 or more'],
    [{ profile: "x" }, "Unknown profile: x"],
    [{ log_level: "zz" }, "Invalid log level: zz. Valid log levels are: [TRACE DEBUG INFO WARN ERR]"],
    [{ protocol: 9 }, "Protocol version '9' too high. Must be in range: [2, 5]"],
    [{ protocol: 1 }, "Protocol version '1' too low"],
    [{ encrypt_key: "!" }, "Invalid encryption key"],
    [[], "must hold a JSON object"],
    [{ event_handlers: "x" }, '"event_handlers" must be an array of strings'],
    [{ event_handlers: ["bogus=x"] }, "\"event_handlers\": Invalid event script: Event 'bogus' invoking 'x'"],
    [{ event_handlers: ["member-join[x]=y"] }, "is no tag filter"],
    [{ mdns: [] }, '"mdns" must be an object'],
    [{ mdns: { iface: "x" } }, '"iface" is no key of it'],
    [{ mdns: { disable_ipv4: "x" } }, '"disable_ipv4" must be true or false'],
    [{ user_event_size_limit: -1 }, '"user_event_size_limit" must be 0 or more'],
    [{ statsd_addr: 1 }, '"statsd_addr" must be a string'],
  ])("%j", (content, message) => {
    const file = put("a.json", content);
    expect(() => load("-config-file", file)).toThrow(message);
    expect(() => load("-config-file", file)).toThrow(file);
  });
  test("what contradicts itself", () => {
    expect(() => load("-mdns-iface=eth0")).toThrow("mDNS interface specified without enabling mDNS discovery");
    expect(() => load("-discover=x", "-mdns-disable-ipv4", "-mdns-disable-ipv6")).toThrow(
      "both IPv4 and IPv6 are disabled",
    );
    expect(() => load("-event-handler=user:a,member-x=y")).toThrow(
      "-event-handler: Invalid event script: Event 'member-x' invoking 'y'",
    );
  });
  test("files that are not there, or not JSON", () => {
    expect(() => load("-config-file", join(directory, "none.json"))).toThrow("no such file or directory");
    expect(() => load("-config-file", put("a.json", "{"))).toThrow("no valid JSON");
  });
});
