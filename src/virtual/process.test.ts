import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualProcess } from "./process.ts";
import { settle } from "./testing/settle.ts";
import { Timeline } from "./timeline.ts";

function processOn(timeline: Timeline): { process: VirtualProcess; seen: string[]; enter: (what: string) => void } {
  const process = new VirtualProcess(timeline);
  const seen: string[] = [];
  return { process, seen, enter: (what) => process.enter(() => seen.push(what)) };
}

test("a paused process hears later what came, in order, and what comes meanwhile behind it", async () => {
  const timeline = new Timeline(settle);
  const { process, seen, enter } = processOn(timeline);
  enter("0");
  process.pause();
  assert.equal(process.paused, true);
  enter("1");
  enter("2");
  assert.deepEqual(seen, ["0"]);
  process.resume();
  enter("3");
  assert.deepEqual(seen, ["0"], "what is resumed is heard in events of its own");
  timeline.at(0, () => enter("4"));
  await timeline.run(1);
  assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  enter("5");
  assert.equal(seen.at(-1), "5");
});

test("promises settle between the things a resumed process hears", async () => {
  const timeline = new Timeline(settle);
  const { process, seen, enter } = processOn(timeline);
  process.pause();
  process.enter(() => void Promise.resolve().then(() => seen.push("then")));
  enter("next");
  process.resume();
  await timeline.run(0);
  assert.deepEqual(seen, ["then", "next"]);
});

test("a process that is paused again while it catches up waits again", async () => {
  const timeline = new Timeline(settle);
  const { process, seen, enter } = processOn(timeline);
  process.pause();
  process.enter(() => process.pause());
  enter("late");
  process.resume();
  await timeline.run(10);
  assert.deepEqual(seen, []);
  process.resume();
  process.resume();
  await timeline.run(0);
  assert.deepEqual(seen, ["late"]);
});

test("a dead process hears nothing, neither what comes nor what waited", async () => {
  const timeline = new Timeline(settle);
  const { process, seen, enter } = processOn(timeline);
  let deaths = 0;
  process.onDeath(() => deaths++);
  process.pause();
  enter("waited");
  process.resume();
  process.kill();
  process.kill();
  process.resume();
  enter("came");
  await timeline.run(10);
  assert.deepEqual(seen, []);
  assert.equal(deaths, 1);
  assert.equal(process.alive, false);
  assert.equal(process.paused, false);
});
