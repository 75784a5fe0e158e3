import assert from "node:assert/strict";
import { test } from "node:test";
import { planMembers } from "./layout.ts";
import { type MemberEnd, type MemberEvents, Supervisor } from "./supervisor.ts";

interface Launched {
  readonly name: string;
  readonly events: MemberEvents;
  readonly asked: string[];
}

const killed: MemberEnd = { code: null, signal: "SIGKILL", reason: null };
const clean: MemberEnd = { code: 0, signal: null, reason: null };

/** A supervisor with members that do what the test says, on a clock that it moves. */
class Stage {
  readonly said: string[] = [];
  readonly launched: Launched[] = [];
  readonly supervisor: Supervisor;
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor(members: number) {
    this.supervisor = new Supervisor({
      plans: planMembers({ members, basePort: 2379, dataDir: "data", engine: "raft" }),
      launch: ({ name }, events) => {
        const asked: string[] = [];
        this.launched.push({ name, events, asked });
        return { stop: () => void asked.push("stop"), kill: () => void asked.push("kill") };
      },
      say: (kind, line) => void this.said.push(`${kind}: ${line}`),
      now: () => this.#now,
      after: (delayMs, run) => {
        const timer = { at: this.#now + delayMs, run };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((one) => one !== timer);
        };
      },
    });
    this.supervisor.start();
  }

  /** The newest process of a member. */
  member(name: string): Launched {
    const found = this.launched.findLast((one) => one.name === name);
    assert.ok(found !== undefined, `${name} was never launched`);
    return found;
  }

  started(...names: string[]): void {
    for (const name of names) this.member(name).events.report({ type: "started", memberId: `id-${name}` });
  }

  leads(reporter: string, leader: string, epoch: number): void {
    const id = leader === "0" ? "0" : `id-${leader}`;
    this.member(reporter).events.report({ type: "leadership", leader: id, epoch });
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
  }

  /** What was said since the last call. */
  news(): string[] {
    return this.said.splice(0);
  }
}

function readyStage(): Stage {
  const stage = new Stage(3);
  stage.started("m1", "m2", "m3");
  stage.leads("m2", "m2", 2);
  stage.news();
  return stage;
}

test("ready once, when all are up and one leads", () => {
  const stage = new Stage(3);
  stage.started("m1", "m2");
  stage.leads("m1", "m2", 2);
  stage.pass(1200);
  assert.deepEqual(stage.news(), []);
  stage.started("m3");
  assert.deepEqual(stage.news(), ["ready: Ready after 1.2 s: m2 leads 3 members."]);
  stage.leads("m3", "m2", 2);
  assert.deepEqual(stage.news(), []);
});

test("a move of leadership is said once, however many members tell it", () => {
  const stage = readyStage();
  for (const reporter of ["m1", "m3"]) stage.leads(reporter, "0", 3);
  for (const reporter of ["m1", "m2", "m3"]) stage.leads(reporter, "m3", 3);
  assert.deepEqual(stage.news(), ["news: m3 leads now (term 3)"]);
  // From a member that has not heard of it.
  stage.leads("m1", "m2", 2);
  // Elected again.
  stage.leads("m3", "m3", 4);
  assert.deepEqual(stage.news(), []);
});

test("a member that dies is started again, each time later, and soon again once it has run well", () => {
  const stage = readyStage();
  stage.pass(60_000);
  const pauses: number[] = [];
  for (let round = 0; round < 7; round++) {
    stage.member("m1").events.ended(killed);
    const [line = ""] = stage.news();
    const pause = Number(/trouble: m1 was killed by SIGKILL; starting it again in ([\d.]+) s/.exec(line)?.[1]);
    pauses.push(pause);
    const before = stage.launched.length;
    stage.pass(pause * 1000 - 1);
    assert.equal(stage.launched.length, before);
    stage.pass(1);
    assert.equal(stage.launched.length, before + 1);
    stage.started("m1");
    assert.deepEqual(stage.news(), ["news: m1 is back"]);
  }
  assert.deepEqual(pauses, [0.5, 1, 2, 4, 8, 10, 10]);
  stage.pass(30_000);
  stage.member("m1").events.ended({ code: 1, signal: null, reason: "the disk failed" });
  assert.deepEqual(stage.news(), ["trouble: m1 ended with code 1: the disk failed; starting it again in 0.5 s"]);
});

test("a member that cannot be started as configured ends it all, with the member's own words", async () => {
  const stage = new Stage(3);
  stage.member("m2").events.ended({ code: 2, signal: null, reason: "m2's folder belongs to another cluster" });
  assert.equal(await stage.supervisor.refused, "m2: m2's folder belongs to another cluster");
  assert.equal(stage.launched.length, 3);
});

test("a member that ran before and is refused later is tried again", () => {
  const stage = readyStage();
  stage.member("m2").events.ended({ code: 2, signal: null, reason: "port in use" });
  stage.pass(500);
  assert.equal(stage.launched.length, 4);
});

test("stopping asks all, waits for all, and starts none again", async () => {
  const stage = readyStage();
  stage.member("m3").events.ended(killed);
  stage.news();
  let stopped = false;
  const done = stage.supervisor.stop().then(() => {
    stopped = true;
  });
  assert.deepEqual([stage.member("m1").asked, stage.member("m2").asked], [["stop"], ["stop"]]);
  stage.member("m1").events.ended(clean);
  await Promise.resolve();
  assert.equal(stopped, false);
  stage.member("m2").events.ended(clean);
  await done;
  stage.pass(60_000);
  assert.equal(stage.launched.length, 3);
  assert.deepEqual(stage.news(), []);
});

test("a member that does not stop is ended", async () => {
  const stage = readyStage();
  const done = stage.supervisor.stop();
  stage.member("m1").events.ended(clean);
  stage.member("m3").events.ended(clean);
  stage.pass(20_000);
  assert.deepEqual(stage.member("m2").asked, ["stop", "kill"]);
  assert.deepEqual(stage.news(), ["trouble: m2 did not stop within 20 s: ending it"]);
  stage.member("m2").events.ended(killed);
  await done;
});
