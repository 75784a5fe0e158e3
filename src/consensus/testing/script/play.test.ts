import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judge, play, rewrite } from "./play.ts";
import { parseScenario, type Scenario } from "./scenario-file.ts";

const script = (...steps: string[]): Scenario =>
  parseScenario(["# Title", "# scenario 1", "# source none", "# Why.", "", ...steps, ""].join("\n"));
const run = (...steps: string[]): string | null => judge(script(...steps), play(script(...steps)));
const recorded = (...steps: string[]): string[] => {
  const scenario = script(...steps);
  return rewrite(scenario, play(scenario)).trimEnd().split("\n").slice(5);
};

describe("a scenario that is played", () => {
  it("records what each engine did, quiet steps only how all stand then", () => {
    assert.deepEqual(recorded("cluster 1 voter", "elect 1", "propose x on 1", "read r on 1", "expect r answers x"), [
      "cluster 1 voter",
      "elect 1",
      "> 1: leader in epoch 2, log to 2, commit 2",
      "propose x on 1",
      "> 1 takes x as 2/3",
      "> 1 writes #3: 2/3 x",
      "> 1 commits 2/3 x",
      "read r on 1",
      "> 1 may answer r at 3",
      "> 1 answers r: x",
      "expect r answers x",
    ]);
  });

  it("passes as recorded, and is the same each time", () => {
    const steps = ["cluster 3 voters, 1 learner", "elect 2", "propose 20 entries e on 2", "crash 2", "wait 5 s"];
    const once = recorded(...steps);
    assert.deepEqual(recorded(...steps), once);
    assert.equal(run(...once), null);
  });

  it("fails where the engines do something else, showing both", () => {
    const complaint = run("cluster 1 voter", "elect 1", "> 1: leader in epoch 7, log to 2, commit 2");
    assert.match(complaint ?? "", /^Title\nWhy\.\n\nline 7: elect 1\n {4}- .*epoch 7.*\n {4}\+ .*epoch 2/);
  });

  it("fails where a statement does not hold, showing how all stand", () => {
    const complaint = run("cluster 3 voters", "expect 1 leads");
    assert.match(
      complaint ?? "",
      /line 7: expect 1 leads\nthe role of 1 is follower, expected leader\n {4}1: follower/,
    );
  });

  it("fails where a step cannot be carried out, and says what to do", () => {
    assert.match(run("elect 1") ?? "", /before anything else there must be a cluster/);
    assert.match(run("engine zab") ?? "", /no engine zab: there are raft/);
    assert.match(run("cluster 3 sheep") ?? "", /no command reads like this: 3 sheep/);
    assert.match(run("cluster 3 learners") ?? "", /a cluster needs voters/);
    assert.match(run("cluster 1 voter", "crash 4") ?? "", /there is no member 4, only 1/);
    assert.match(run("cluster 1 voter", "start 1") ?? "", /member 1 is running/);
    assert.match(run("cluster 1 voter", "crash 1 keeping 2 writes") ?? "", /has 0 writes under way, not 2/);
    assert.match(run("cluster 3 voters", "deliver 1 -> 2") ?? "", /no message 1 -> 2 is held: nothing is/);
    assert.match(run("cluster 3 voters", "stop holding 1 -> 2") ?? "", /nothing is held with these words/);
    assert.match(run("cluster 3 voters", "expect x committed") ?? "", /nothing was asked for under the name x/);
    assert.match(run("cluster 2 voters", "crash 2", "elect 1") ?? "", /member 1 does not win an election/);
  });

  it("holds, drops, copies and delivers single messages, oldest or newest first", () => {
    const lines = recorded(
      "cluster 2 voters, window of 4 messages",
      "elect 1",
      "hold append 1 -> 2",
      "quietly propose a, b, c on 1",
      "drop 1 -> 2",
      "deliver last append 1 -> 2",
      "deliver 1 -> 2",
      "expect commit 2 on 1",
    );
    const after = (command: string): string[] => {
      const from = lines.indexOf(command) + 1;
      return lines.slice(from, from + 1 + lines.slice(from).findIndex((line) => !line.startsWith(">"))).slice(0, -1);
    };
    assert.deepEqual(after("deliver last append 1 -> 2").slice(0, 1), [
      "> 2 -> 1 [2] appendResponse: not after 4, at best after 2/2",
    ]);
    assert.deepEqual(after("drop 1 -> 2"), []);
  });

  it("keeps of a crashed member's writes those that a script lets reach the disk", () => {
    const steps = ["cluster 1 voter", "elect 1", "hold disk of 1", "propose x, y on 1"];
    assert.equal(run(...recorded(...steps, "crash 1 keeping 1 write", "start 1", "expect log of 1 ends 2/3")), null);
    assert.equal(run(...recorded(...steps, "crash 1", "start 1", "expect log of 1 ends 2/2")), null);
  });

  it("lets a member that finds its own state impossible stop", () => {
    const lines = recorded("cluster 1 voter", "elect 1", "clock of 1 goes back 5 s", "read a on 1");
    assert.match(lines.at(-1) ?? "", /^> 1 stops: time went from/);
  });
});
