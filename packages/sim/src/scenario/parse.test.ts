/** The language: every command in its forms, and every mistake with its line. */
import { describe, expect, test } from "vitest";
import { forms, parseScenario } from "./parse.ts";
import type { Action } from "./scenario.ts";
import { configNames } from "./settings.ts";
import { durationText, nodesText, ScenarioError } from "./syntax.ts";

const raw = "nodes 10";
const serf = "nodes 10 layer serf";

/** The action of a line behind a converged pool, with zones and a cut, and a day before the end. */
function action(line: string, head = raw): Action {
  const before = `${head}\nlatency zones 0  1ms 2ms | 2ms 1ms\nwarm 0..8\ncut 0 > 5\n`;
  return parseScenario(`${before}${line}\nadvance 24h\n`, "f").commands.at(-2)!.action;
}

/** What is said of a text. */
function complaint(text: string): string {
  try {
    parseScenario(text, "a/rack.txt");
  } catch (error) {
    if (error instanceof ScenarioError) return error.message;
    throw error;
  }
  return "nothing";
}

const span = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const way = (from: number[], to: number[], both = false) => ({ from, to, both });

describe("commands", () => {
  const network = (conditions: object) => ({ type: "network", conditions });
  const cases: readonly (readonly [string, object])[] = [
    ["latency constant 2ms", network({ latency: { kind: "constant", ms: 2 } })],
    ["latency uniform 1ms 0.5s", network({ latency: { kind: "uniform", minMs: 1, maxMs: 500 } })],
    ["latency lognormal 0.5ms 0.4", network({ latency: { kind: "lognormal", medianMs: 0.5, sigma: 0.4 } })],
    [
      "latency zones 0.3 1ms 40ms | 41ms 2ms",
      network({
        latency: {
          kind: "zones",
          sigma: 0.3,
          medianMs: [
            [1, 40],
            [41, 2],
          ],
        },
      }),
    ],
    ["zone 9 1", { type: "zone", nodes: [9], zone: 1 }],
    ["loss 7%", network({ loss: 0.07 })],
    ["loss 0.25", network({ loss: 0.25 })],
    ["loss off", network({ loss: 0 })],
    ["loss into 3..4 100%", { type: "node-loss", nodes: [3, 4], inward: true, loss: 1 }],
    ["loss from 3 off", { type: "node-loss", nodes: [3], inward: false, loss: 0 }],
    ["loss 1>2 50%", { type: "link-loss", way: way([1], [2]), loss: 0.5 }],
    ["loss 1 <> 2,3 off", { type: "link-loss", way: way([1], [2, 3], true), loss: 0 }],
    ["bursts every 10s for 500ms losing 80%", network({ bursts: { everyMs: 10_000, lengthMs: 500, loss: 0.8 } })],
    ["bursts off", network({ bursts: undefined })],
    ["duplicates 1%", network({ duplicates: 0.01 })],
    ["duplicates off", network({ duplicates: 0 })],
    ["reorder 10% by 50ms", network({ reorder: { share: 0.1, ms: 50 } })],
    ["reorder off", network({ reorder: undefined })],
    ["bandwidth 1.5MB/s queue 64kB", network({ bandwidth: { bytesPerSecond: 1_500_000, queueBytes: 64_000 } })],
    ["bandwidth off", network({ bandwidth: undefined })],
    ["partition 0..3|4..8", { type: "partition", groups: [span(0, 3), span(4, 8)] }],
    ["cut 0..1 > 5", { type: "cut", way: way([0, 1], [5]) }],
    ["mend 0..1<>5", { type: "mend", way: way([0, 1], [5], true) }],
    [
      "flip 3 every 10s for 1m",
      {
        type: "flip",
        way: way([3], [0, 1, 2, 4, 5, 6, 7, 8, 9], true),
        repeat: { everyMs: 10_000, forMs: 60_000 },
        downMs: 5000,
      },
    ],
    [
      "flip 3 > 4 every 10s down 1s for 1m",
      { type: "flip", way: way([3], [4]), repeat: { everyMs: 10_000, forMs: 60_000 }, downMs: 1000 },
    ],
    ["heal", { type: "heal" }],
    ["join", { type: "join", nodes: [9], overMs: 0, via: undefined }],
    ["join 1s", { type: "join", nodes: [9], overMs: 1000, via: undefined }],
    ["join 9 over 2m via 3", { type: "join", nodes: [9], overMs: 120_000, via: 3 }],
    ["leave 2,0..1 over 1s", { type: "leave", nodes: [0, 1, 2], overMs: 1000 }],
    ["crash 5", { type: "crash", nodes: [5], overMs: 0, host: false }],
    ["crash host 5..6 over 1h", { type: "crash", nodes: [5, 6], overMs: 3_600_000, host: true }],
    ["restart 5", { type: "restart", nodes: [5], overMs: 0, downMs: 0, memory: false }],
    [
      "restart 5..6 with memory over 10s down 2s",
      { type: "restart", nodes: [5, 6], overMs: 10_000, downMs: 2000, memory: true },
    ],
    ["stall 5 2s", { type: "stall", nodes: [5], ms: 2000, repeat: undefined }],
    ["block 5 2s every 3s for 1m", { type: "block", nodes: [5], ms: 2000, repeat: { everyMs: 3000, forMs: 60_000 } }],
    ["clock 5 +1h", { type: "clock", nodes: [5], ms: 3_600_000 }],
    ["clock 5 -10s", { type: "clock", nodes: [5], ms: -10_000 }],
    ["meta 0..8 hello > you", { type: "meta", nodes: span(0, 8), text: "hello > you" }],
    ["unhealthy 1", { type: "health", nodes: [1], healthy: false }],
    ["healthy 1", { type: "health", nodes: [1], healthy: true }],
    ["broadcast from 3", { type: "broadcast", from: 3, text: "message 1" }],
    ["broadcast from 3 the  text  # not this", { type: "broadcast", from: 3, text: "the  text" }],
    ["advance 10s", { type: "advance", ms: 10_000 }],
    ["until agreed within 60s", { type: "until", condition: { type: "agreed" }, withinMs: 60_000 }],
    ["expect no false deaths", { type: "expect", condition: { type: "no-false-deaths" } }],
    ["expect dead 5", { type: "expect", condition: { type: "state", about: [5], state: "dead" } }],
    [
      "expect 0..1 see 10 alive",
      { type: "expect", condition: { type: "counts", who: [0, 1], count: 10, state: "alive" } },
    ],
    [
      "until 0..1 see nodes 4,5 left within 1s",
      { type: "until", condition: { type: "sees", who: [0, 1], about: [4, 5], state: "left" }, withinMs: 1000 },
    ],
    ["members 0", { type: "members", node: 0 }],
    ["traffic", { type: "traffic" }],
  ];

  test.each(cases)("%s", (line, expected) => {
    expect(action(line)).toEqual(expected);
  });

  test("warm, tags, heard, which need another beginning", () => {
    expect(parseScenario(`${raw}\nwarm`, "f").commands[0]!.action).toEqual({ type: "warm", nodes: span(0, 9) });
    expect(action("tags 0 role=db note=a=b", serf)).toEqual({
      type: "tags",
      nodes: [0],
      tags: { role: "db", note: "a=b" },
    });
    expect(action("broadcast from 0\nuntil heard by 1,2 within 5s")).toMatchObject({
      condition: { type: "heard", by: [1, 2] },
    });
    expect(action("broadcast from 0\nexpect heard")).toMatchObject({ condition: { type: "heard", by: undefined } });
  });

  test("none is left out above", () => {
    const used = new Set([...cases.map(([line]) => line.split(" ")[0]), "warm", "tags"]);
    expect(forms.map((form) => form.name).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe("settings", () => {
  test("nodes with all of its pairs, and config of every kind", () => {
    const text = `# Title

nodes 40 profile wan seed 9007199254740991 layer memberlist fidelity objects meta 100
config probe-interval 2s   # half
config stream-pings off
config user-share 50%
config probe-timeout 300ms
config gossip-nodes 5
`;
    const scenario = parseScenario(text, "f");
    expect(scenario.settings).toEqual({
      nodes: 40,
      profile: "wan",
      seed: 9007199254740991,
      layer: "memberlist",
      fidelity: "objects",
      metaBytes: 100,
      config: { probeIntervalMs: 2000, streamPings: false, userShare: 0.5, probeTimeoutMs: 300, gossipNodes: 5 },
    });
    expect([...scenario.asides].slice(0, 4)).toEqual([
      [1, "# Title"],
      [2, ""],
      [3, "nodes 40 profile wan seed 9007199254740991 layer memberlist fidelity objects meta 100"],
      [4, "config probe-interval 2s"],
    ]);
  });

  test("files of other editors", () => {
    const scenario = parseScenario("\ufeffnodes 3\r\nwarm\r\nmeta 0 x\r\n", "f");
    expect(scenario.commands.at(-1)!.action).toEqual({ type: "meta", nodes: [0], text: "x" });
  });

  test("bytes up to 2000 nodes, objects above", () => {
    expect(parseScenario("nodes 2000", "f").settings.fidelity).toBe("bytes");
    expect(parseScenario("nodes 2001", "f").settings.fidelity).toBe("objects");
    expect(configNames).toContain("suspicion-max-timeout-mult");
  });
});

describe("mistakes are one line with file and line number", () => {
  describe("what a line refers to has to be there", () => {
    const zones = "latency zones 0  1ms 2ms | 2ms 1ms";

    test.each([
      // Beyond the matrix, whichever comes first.
      [`${zones}\nzone 3..4 2`, "4: there is no zone 2; latency zones has zones 0..1"],
      [`zone 3 1\nzone 4,5 2\n${zones}`, "5: node 4 is in zone 2 (line 4), and this has zones 0..1"],
      [`${zones}\nzone 3 1\nlatency zones 0 1ms`, "5: node 3 is in zone 1 (line 4), and this has only zone 0"],
      // Without one.
      ["zone 3 0", '3: zone means nothing without "latency zones", here or below'],
      ["latency constant 2ms\nzone 3 1", '4: zone means nothing without "latency zones", here or below'],
      [`${zones}\nlatency constant 2ms\nzone 3 1`, '5: zone means nothing without "latency zones", here or below'],
      // Times beyond the end.
      ["crash 1..5 over 1m\nadvance 10s", "3: node 5 crashes 48s after this, but at most 10s pass behind it"],
      ["leave 1,2 over 10s\nexpect alive 3", "3: node 2 leaves 5s after this, but no time passes behind it"],
      [
        "restart 1 down 5m\nadvance 1m\nuntil agreed within 3m",
        "3: node 1 is back 5m after this, but at most 4m pass behind it",
      ],
      ["restart 1,2 over 1m\nadvance 1s", "3: node 2 restarts 30s after this, but at most 1s pass behind it"],
      ["stall 1 1s every 10s for 9s", "3: for: from 10s to 24h, not 9s"],
      ["flip 1 every 10s for 9s", "3: for: from 10s to 24h, not 9s"],
      // Cuts that nobody made.
      ["cut 1 > 2\nmend 2 > 1", "4: nothing was cut there before this line; heal mends partitions"],
      ["partition 1 | 2\nmend 1 <> 2", "4: nothing was cut there before this line; heal mends partitions"],
      ["cut 1 > 2\nheal\nmend 1 > 2", "5: nothing was cut there before this line; heal mends partitions"],
    ])("%j", (text, message) => {
      expect(complaint(`nodes 10\nwarm\n${text}`)).toBe(`a/rack.txt:${message}`);
    });

    test("joins beyond the end", () => {
      const message = "a/rack.txt:2: node 9 joins 45s after this, but at most 44s pass behind it";
      expect(complaint("nodes 10\njoin 6..9 over 1m\nadvance 44s")).toBe(message);
      expect(complaint("nodes 10\njoin 6..9 over 1m\nadvance 45s")).toBe("nothing");
    });

    test.each([
      `zone 3 1\n${zones}`,
      `${zones}\nzone 3 1\nlatency constant 1ms`,
      // Somewhere else by the time it counts.
      `zone 3 7\nzone 3 1\n${zones}`,
      `${zones}\nlatency constant 1ms\nzone 3 1\n${zones}`,
      "crash 1..5 over 1m\nuntil agreed within 48s",
      "cut 1..2 <> 3\nmend all <> all",
      "cut 1 <> 3\nmend 3 > 1",
      "flip 1 every 10s for 10s\nmend 2 > 1",
    ])("nothing is wrong about %j", (text) => {
      expect(complaint(`nodes 10\nwarm\n${text}`)).toBe("nothing");
    });
  });

  const after = (line: string) => complaint(`${raw}\nwarm 0..8\n\n# three lines above\n${line}\nadvance 1s`);

  test.each([
    ["", 'rack.txt:1: empty: a scenario begins with "nodes COUNT"'],
    ["warm", 'rack.txt:1: "nodes COUNT" comes first, before "warm"'],
    ["# a\n\nnodes ten", 'rack.txt:3: COUNT: a whole number from 1 to 20000 expected, not "ten"'],
    ["nodes 0", 'rack.txt:1: COUNT: a whole number from 1 to 20000 expected, not "0"'],
    ["nodes 5 sed 7", 'rack.txt:1: unknown setting "sed"; did you mean "seed"?'],
    ["nodes 5 qqq 7", 'rack.txt:1: unknown setting "qqq": profile, seed, layer, fidelity or meta expected'],
    ["nodes 5 seed -1", 'rack.txt:1: seed: a whole number from 0 to 9007199254740991 expected, not "-1"'],
    ["nodes 5 seed 1 seed 2", "rack.txt:1: seed is there twice"],
    ["nodes 5 profile man", 'rack.txt:1: profile: lan, wan or local expected, not "man"'],
    ["nodes 5 layer serf meta 7", "rack.txt:1: meta is for layer memberlist; Serf's nodes have tags"],
    ["nodes 5\nnodes 6", "rack.txt:2: nodes is there twice"],
    ["nodes 5\nconfig probe-interva 1s", 'rack.txt:2: unknown setting "probe-interva"; did you mean "probe-interval"?'],
    ["nodes 5\nconfig zzz 1s", 'rack.txt:2: unknown setting "zzz"; docs/scenarios.md lists them'],
    ["nodes 5\nconfig gossip-nodes 3s", 'rack.txt:2: gossip-nodes: a whole number from 0 to 1000 expected, not "3s"'],
    ["nodes 5\nconfig probe-interval 0s", "rack.txt:2: probe-interval: from 1ms to 24h, not 0s"],
    ["nodes 5\nconfig user-share 60%", "rack.txt:2: user-share: at most 50%"],
    ["nodes 5\nconfig stream-pings yes", 'rack.txt:2: stream-pings: on or off expected, not "yes"'],
    [
      "nodes 5\nconfig probe-interval 100ms\nconfig gossip-nodes 2\nwarm",
      "rack.txt:3: probe-timeout (500ms) is longer than probe-interval (100ms)",
    ],
    ["nodes 5\nwarm\nconfig gossip-nodes 2", "rack.txt:3: config comes right behind nodes, before everything else"],
    ["nodes 5\nwarm\nwarm", "rack.txt:3: warm comes before any join, once"],
    ["nodes 5\ncrash 1", "rack.txt:2: node 1 is not in the pool yet: begin with warm or join"],
    ["nodes 5\nwarm\njoin", "rack.txt:3: all nodes are there already; restart brings one back"],
  ])("%j", (text, message) => {
    expect(complaint(text)).toBe(`a/${message}`);
  });

  test.each([
    ["partion 0 | 1", 'unknown command "partion"; did you mean "partition"?'],
    ["frobnicate", 'unknown command "frobnicate"'],
    ["partition 0..3 | 3..5", "node 3 is in two groups"],
    ["crash 9", "node 9 is not in the pool yet: join it first"],
    ["crash 10", "NODES: there is no node 10; 10 nodes are 0..9"],
    ["crash 5..3", "NODES: 5..3 runs backwards; write 3..5"],
    ["crash five", 'NODES: nodes expected (3, 0..9, 0..4,7 or all), not "five"'],
    ["crash", "NODES is missing: crash [host] NODES [over TIME]"],
    ["crash 1 2", '"2" is too much: crash [host] NODES [over TIME]'],
    ["join 3", "node 3 is there already; restart brings one back"],
    ["members 1,2", "NODE: one node expected, not 2"],
    ["advance 10", 'TIME: a time with its unit expected (500ms, 10s, 2m), not "10"'],
    ["advance 0s", "TIME: from 1ms to 24h, not 0s"],
    ["advance 3000h", "TIME: from 1ms to 24h, not 3000h"],
    ["loss 120%", 'loss: a share from 0% to 100% expected, not "120%"'],
    ["loss 5", 'loss: a share from 0% to 100% expected, not "5"'],
    [
      "loss 1 > 2",
      "loss is missing: loss SHARE|off | loss into|from NODES SHARE|off | loss NODES >|<> NODES SHARE|off",
    ],
    ["cut 1 2", '">" expected, not "2": cut NODES >|<> NODES'],
    ["bandwidth 100 queue 5kB", 'bandwidth: bytes with their unit expected (500B/s, 64kB/s), not "100"'],
    ["bandwidth 1kB/s queue 0B", 'queue: bytes with their unit expected (500B, 64kB), not "0B"'],
    [
      "bursts every 10s losing 5%",
      '"for" expected, not "losing": bursts every TIME for TIME losing SHARE | bursts off',
    ],
    ["latency gamma 1ms", 'latency: constant, uniform, lognormal or zones expected, not "gamma"'],
    ["latency constant 0ms", "TIME: from 0.001ms to 1m, not 0ms"],
    ["latency uniform 5ms 1ms", "latency uniform: the shorter time comes first"],
    ["latency lognormal 1ms x", 'SIGMA: a number from 0 to 3 expected, not "x"'],
    ["latency zones 0.3 1ms 2ms | 3ms", "latency zones: as many times in each row as there are rows, 2"],
    ["flip 1 every 10s down 20s for 1m", "down: from 1ms to 10s, not 20s"],
    ["clock 1 5s", '+TIME or -TIME expected, not "5s": clock NODES +TIME|-TIME'],
    ["clock 1 -x", 'clock: a time from -1ms to -24h expected, not "-x"'],
    ["tags 1 a=b", "tags are for layer serf; a raw pool's nodes have meta"],
    [`meta 1 ${"x".repeat(513)}`, "TEXT: at most 512 bytes"],
    ["restart 1 with", '"memory" is missing: restart NODES [with memory] [over TIME] [down TIME]'],
    ["until agreed", '"within" is missing: until CONDITION within TIME'],
    ["until heard within 5s", "nothing was broadcast before this line"],
    ["expect 0 see 5 asleep", 'STATE: alive, suspect, dead, left or unknown expected, not "asleep"'],
    ["expect 0 see 11 alive", 'COUNT: a whole number from 0 to 10 expected, not "11"'],
    [
      "expect peace",
      '"peace" is no condition: agreed | heard [by NODES] | STATE NODES | NODES see COUNT STATE | NODES see node NODES STATE | no false deaths',
    ],
  ])("%s", (line, message) => {
    expect(after(line)).toBe(`a/rack.txt:5: ${message}`);
  });

  test("tags: shape, length, layer", () => {
    const tagged = (line: string) => complaint(`${serf}\nwarm\n${line}`);
    expect(tagged("tags 1 role")).toBe('a/rack.txt:3: KEY=VALUE expected, not "role"');
    expect(tagged(`tags 1 a=${"x".repeat(600)}`)).toBe("a/rack.txt:3: tags: at most 512 bytes altogether");
    expect(tagged("meta 1 x")).toBe("a/rack.txt:3: meta is for layer memberlist; Serf's nodes have tags");
  });

  test("no line of a file, cut anywhere, does anything but parse or complain", () => {
    const text = `${raw}\nwarm\npartition 0..3 | 4..8\nflip 3 > 4 every 10s down 1s for 1m\nuntil 0..1 see nodes 4,5 left within 1s\n`;
    for (let i = 0; i < text.length; i++) {
      const cut = complaint(text.slice(0, i));
      expect(cut === "nothing" || /^a\/rack\.txt:\d+: [^\n]+$/.test(cut), cut).toBe(true);
    }
  });
});

test("numbers and times are written shortly", () => {
  expect([0, 250, 1500, 90_000, 120_000, 3_600_000].map(durationText)).toEqual([
    "0ms",
    "250ms",
    "1.5s",
    "90s",
    "2m",
    "1h",
  ]);
  expect(nodesText([0, 1, 2, 5, 7, 8])).toBe("0..2,5,7,8");
  expect(nodesText([])).toBe("nobody");
  expect(nodesText([0, 2, 4, 6, 8, 10, 12])).toBe("7 nodes");
});
