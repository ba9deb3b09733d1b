/** Scenarios that run: what each command does to a pool, what is said of it, and what is kept when a run is broken off. */
import { describe, expect, test } from "vitest";
import { News, newsText } from "./news.ts";
import { parseScenario } from "./parse.ts";
import { ScenarioResult } from "./result.ts";
import { runScenario } from "./run.ts";

function run(text: string, seed?: number): ScenarioResult {
  const result = new ScenarioResult(parseScenario(text, "t.txt"), "t", seed);
  for (const _ of runScenario(result)) {
    // To the end.
  }
  return result;
}

/** The scenario holds; its transcript. */
function holds(text: string): string {
  const result = run(text);
  expect(result.failures, result.text()).toEqual([]);
  return result.text();
}

const mesh = "nodes 12 seed 1\nwarm\nadvance 1s\n";

describe("the same seed, the same bytes; another, others", () => {
  const text = `${mesh}loss 10%\ncrash 3\nuntil dead 3 within 60s\nbroadcast from 0\nuntil heard within 30s\nmembers 1`;

  test.each([text, text.replace("nodes 12", "nodes 12 layer serf")])("layer %#", (scenario) => {
    const [a, b, other] = [run(scenario), run(scenario), run(scenario, 2)];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(other.text()).not.toBe(a.text());
    expect(other.report.seed).toBe(2);
  });

  test("by bytes or by objects, one story", () => {
    const objects = run(text.replace("seed 1", "seed 1 fidelity objects")).text();
    expect(objects.replace(" fidelity objects", "")).toBe(run(text).text());
  });
});

describe("faults", () => {
  test("a partition, seen from both sides, until it heals", () => {
    holds(`${mesh}partition 0..3 | 4..11
until 0..3 see 4 alive within 60s
until 4..11 see 8 alive within 60s
expect 0..3 see nodes 4..11 dead
heal
until agreed within 60s`);
  });

  test("nodes named in no group are one of their own", () => {
    holds(`${mesh}partition 0..3 | 4..7\nuntil 8..11 see 4 alive within 90s`);
  });

  test("cut links: one direction is bridged by others, all of them are not", () => {
    holds(`${mesh}cut 3 > 4\nadvance 30s\nexpect agreed
cut 0..10 <> 11\nuntil dead 11 within 60s\nmend 0..10 <> 11\nuntil agreed within 60s`);
  });

  test("flips end by themselves, and by healing", () => {
    holds(`${mesh}flip 5 every 4s down 3500ms for 30s\nadvance 30s\nuntil agreed within 60s`);
    // Cut when healed: nothing would mend it but the healing, and no later flip may cut it again.
    holds(`${mesh}flip 5 every 40s down 39s for 10m\nuntil dead 5 within 30s\nheal\nuntil agreed within 30s
advance 50s\nexpect agreed`);
  });

  test("loss at one node or on one way, in one direction", () => {
    holds(`${mesh}loss into 5 100%\nuntil 5 see node 0 dead within 120s\nheal\nuntil agreed within 60s
loss from 6 100%\nuntil dead 6 within 60s\nloss from 6 off\nuntil agreed within 60s
loss 7 <> 0..6,8..11 100%\nuntil dead 7 within 60s\nloss 7 <> 0..6,8..11 off\nuntil agreed within 60s`);
  });

  test("what holds for all packets: loss, bursts, duplicates, disorder, a thin line", () => {
    holds(`nodes 12 seed 1\nlatency uniform 1ms 5ms\nloss 5%\nbursts every 10s for 200ms losing 90%
duplicates 10%\nreorder 20% by 20ms\nbandwidth 50kB/s queue 16kB\nwarm\nadvance 30s
broadcast from 4\nuntil heard within 10s\nloss off\nbursts off\nreorder off\nduplicates off\nbandwidth off
until agreed within 60s`);
    expect(run("nodes 12\nwarm\nloss 100%\nadvance 60s\nexpect agreed").failures).toHaveLength(1);
  });

  test("zones are as far apart as they are said to be", () => {
    const text = holds(
      `nodes 2\nzone 1 1\nlatency zones 0 1ms 200ms | 300ms 1ms\nwarm\nbroadcast from 0\nuntil heard within 5s`,
    );
    expect(text).toMatch(/\n +0\.20\d +broadcast 1 heard by 1\n/);
  });

  test.each(["loss into 9..11 50%", "cut 1 > 9..11", "partition 0..8 | 9..11", "clock 9..11 +1s", "restart 9..11"])(
    "what happens to those of a wave that have not joined yet is said: %s",
    (line) => {
      const text = run(`nodes 12\nwarm 0..8\njoin 9..11 over 30s\n${line}\nadvance 30s\n${line}`).text();
      expect(text).toContain(`${line}\n              10,11 have not joined yet\n`);
      expect(text.match(/not joined yet/g)).toHaveLength(1);
    },
  );

  test("stalled, blocked, with a clock that jumps", () => {
    holds(`${mesh}stall 3 30s\nuntil dead 3 within 30s\nuntil alive 3 within 40s\nuntil agreed within 30s
block 4 40s\nuntil dead 4 within 40s\nuntil agreed within 90s
clock 5 +2h\nclock 6 -5s\nadvance 60s\nexpect agreed`);
    holds(`${mesh}stall 3 300ms every 2s for 20s\nblock 4 300ms every 2s for 20s\nadvance 30s\nexpect no false deaths`);
  });

  test("crashes of a process and of its host, in one moment or in a wave", () => {
    const text = holds(`${mesh}crash 1 over 5s\ncrash host 2..3 over 2s\nuntil dead 1..3 within 60s
expect all see 9 alive\ncrash 1\nmembers 1`);
    expect(text).toContain("crash 1\n              1 does not run\n");
    expect(text).toContain("members 1\n              1 does not run\n");
  });

  test.each(["memberlist", "serf"])("%s: restarts with memory and without", (layer) => {
    holds(`nodes 8 layer ${layer} seed 2\nwarm\nadvance 5s
crash 3\nuntil dead 3 within 30s\nrestart 3\nuntil agreed within 30s
crash 4\nuntil dead 4 within 30s\nrestart 4 with memory\nuntil agreed within 30s
restart all with memory over 20s down 500ms\nadvance 5s\nuntil agreed within 60s\nexpect all see 8 alive`);
  });

  test("with memory a node knows at once whom it knew; without, nobody", () => {
    holds(`${mesh}partition 3 | 0..2,4..11\nrestart 3 with memory\nexpect 3 see 12 alive`);
    holds(`${mesh}partition 3 | 0..2,4..11\nrestart 3\nexpect 3 see 1 alive`);
  });

  test.each(["memberlist", "serf"])("%s: joins and leaves in waves", (layer) => {
    holds(`nodes 10 layer ${layer}\njoin 0..5 over 3s\nuntil agreed within 30s\nexpect 0..5 see 6 alive
join over 2s via 3\nuntil agreed within 30s\nexpect all see 10 alive
leave 0..1 over 1s\nuntil left 0..1 within 30s\nuntil agreed within 30s\nexpect all see 8 alive`);
  });

  test("meta, tags, and a health check that says no", () => {
    const raw = holds(`${mesh}meta 3 new words\nadvance 5s`);
    expect(raw).toMatch(/3 seen updated by 0\.\.2,4\.\.11/);
    const serf = holds("nodes 6 layer serf\nwarm\ntags 1..2 role=db\nadvance 5s");
    expect(serf).toMatch(/1,2 seen updated by 0\.\.5/);
    const sick = holds(`${mesh}unhealthy 5\nadvance 20s\nhealthy 5\nuntil agreed within 60s`);
    expect(sick).toMatch(/5 suspected by/);
  });
});

describe("what fails says what is so instead", () => {
  test("and the run goes on", () => {
    const result = run(`${mesh}expect 0..1 see 5 alive
crash 4
until dead 4 within 10ms
expect 0 see node 4 dead
expect agreed
broadcast from 0
expect heard by 1..2
expect no false deaths
expect 2 see 1 dead`);
    expect(result.failed).toBe(true);
    expect(result.failures).toEqual([
      { line: 4, what: "expect 0..1 see 5 alive: 0,1 see 12" },
      { line: 6, what: "until dead 4 within 10ms: not in that time: alive to 0..3,5..11" },
      { line: 7, what: "expect 0 see node 4 dead: alive to 0" },
      { line: 8, what: "expect agreed: 11 run; 11 see 12 alive" },
      { line: 10, what: "expect heard by 1..2: not heard by 1,2" },
      { line: 12, what: "expect 2 see 1 dead: 2 see 0" },
    ]);
    expect(result.text()).toContain("expect 0..1 see 5 alive\n              FAILED: 0,1 see 12\n");
  });

  test("running nodes that were declared dead", () => {
    const result = run(`${mesh}partition 0 | 1..11\nuntil dead 0 within 60s\nexpect no false deaths`);
    expect(result.failures.at(-1)!.what).toMatch(/^expect no false deaths: 0.* declared dead while running$/);
  });
});

test("every kind of condition can be waited for, and asked at once", () => {
  for (const layer of ["memberlist", "serf"]) {
    holds(`nodes 8 layer ${layer}
warm
crash 3
until suspect 3 within 10s
expect all see 8 alive
expect 0..2 see node 3 suspect
expect 0 see 1 suspect
until 0..2,4..7 see node 3 dead within 30s
until all see 1 dead within 30s
expect all see 0 unknown
expect 0 see nodes 0..2 alive
leave 4
until all see 1 left within 30s
until no false deaths within 1s
broadcast from 0
until heard by 1 within 5s`);
  }
});

test("the dead that a raw pool has forgotten are still dead", () => {
  holds(
    "nodes 5\nwarm\ncrash 3\nuntil dead 3 within 30s\nadvance 90s\nexpect dead 3\nexpect unknown 3\nexpect 0 see 1 unknown",
  );
});

test("agreement waits for the rest of a wave", () => {
  const result = run("nodes 6\njoin over 10s\nuntil agreed within 60s\nexpect all see 6 alive");
  expect(result.failures).toEqual([]);
  expect(result.text()).toMatch(/after 8\.\d\d s/);
});

test("what joins later need not have heard what was said before", () => {
  holds(
    "nodes 6\nwarm 0..4\npartition 0..3 | 4\nbroadcast from 0\nuntil heard by 0..3 within 5s\nheal\njoin 5\nadvance 1s\nexpect heard by 0..3",
  );
});

test("broken off: the transcript, tables and plot so far", () => {
  const result = new ScenarioResult(parseScenario(`${mesh}crash 3\nadvance 60s\nexpect agreed`, "t.txt"), "t");
  const steps = runScenario(result);
  let last = { share: 0, doing: "" };
  for (let step = steps.next(); !step.done && step.value.share < 0.5; step = steps.next()) last = step.value;
  steps.return();
  result.report.complete = false;
  expect(last.doing).toBe("advance 60s");
  const text = result.text();
  expect(text).toMatch(/3 suspected by 0\.\.2,4\.\.11\n.*declared dead.*\n +broken off here\nINCOMPLETE/);
  expect(text).not.toContain("expect agreed");
  const { tables, plots, complete } = JSON.parse(JSON.stringify(result));
  expect(complete).toBe(false);
  expect(tables[0].rows.at(-1)).toMatchObject({ command: "advance 60s", result: "broken off here" });
  expect(plots[0].series[0].points.length).toBeGreaterThan(10);
});

test("traffic is counted from one question to the next", () => {
  const text = holds(`${mesh}traffic\ntraffic\nadvance 10s\ntraffic`);
  expect(text).toMatch(/packets {2}\d+\.\d\/s and \d+ B\/s a node; most: node \d+, .*\n +streams .* over 1\.0 s/);
  expect(text).toContain("no time has passed");
  expect(text).toContain("over 10.0 s");
});

test("a hundredth of a second is as fine as a wait gets, and its news has the true times", () => {
  const text = holds("nodes 3\nlatency constant 7ms\nwarm\nbroadcast from 0\nuntil heard within 5s");
  expect(text).toMatch(/ 0\.00[789] +broadcast 1 heard by 1,2\n/);
  expect(text).toContain("after 0.01 s");
});

test("news in few lines: those with much the same observers share one", () => {
  const news = new News(8);
  for (const observer of [0, 1, 2, 3])
    for (const about of [4, 5]) news.add(observer, "dead", about, 10 * observer + about);
  for (const about of [0, 1]) news.add(7, "dead", about, 2);
  news.add(6, "isolated", 6, 1);
  news.add(5, "isolated", 5, 3);
  const lines = news.take();
  expect(lines.map(newsText)).toEqual([
    "5,6 alone: no other member alive",
    "0,1 declared dead by 7",
    "4,5 declared dead by 0..3",
  ]);
  expect(lines.at(-1)).toMatchObject({ firstMs: 4, lastMs: 35 });
  expect(news.take()).toEqual([]);
});
