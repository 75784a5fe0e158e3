import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ClockRate, VirtualClock } from "./clock.ts";
import { VirtualProcess } from "./process.ts";
import { settle } from "./testing/settle.ts";
import { Timeline } from "./timeline.ts";

function clockOn(timeline: Timeline): { rate: ClockRate; clock: VirtualClock; process: VirtualProcess } {
  const rate = new ClockRate(timeline);
  const process = new VirtualProcess(timeline);
  return { rate, process, clock: new VirtualClock(timeline, rate, process) };
}

test("a timer fires when its clock shows what it was asked for, whatever the clock does meanwhile", async () => {
  const rates = fc.double({ min: 0.01, max: 10, noNaN: true });
  const delays = fc.double({ min: 0, max: 1000, noNaN: true });
  const script = fc.array(
    fc.oneof(
      fc.record({ does: fc.constant("rate" as const), by: rates, at: delays }),
      fc.record({ does: fc.constant("jump" as const), by: delays, at: delays }),
      fc.record({ does: fc.constant("timer" as const), by: delays, at: delays }),
    ),
    { maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(script, fc.double({ min: 0, max: 1e6, noNaN: true }), async (steps, begins) => {
      const timeline = new Timeline(settle);
      await timeline.run(begins);
      const { clock, rate } = clockOn(timeline);
      let before = clock.now();
      let waiting = 0;
      const look = (): void => {
        assert.ok(clock.now() >= before, `the clock went back from ${before} to ${clock.now()}`);
        before = clock.now();
      };
      for (const { does, by, at } of steps) {
        timeline.at(begins + at, () => {
          look();
          if (does === "rate") rate.rate = by;
          else if (does === "jump") clock.jump(by);
          else {
            const due = clock.now() + by;
            waiting++;
            clock.after(by, () => {
              look();
              waiting--;
              assert.ok(clock.now() >= due, `fired at ${clock.now()}, asked for ${due}`);
              const leaps = steps.some((step) => step.does === "jump");
              if (!leaps) assert.ok(clock.now() - due < 1e-5, `fired at ${clock.now()}, asked for ${due}`);
            });
          }
          look();
        });
      }
      await timeline.run(200_000);
      assert.equal(waiting, 0);
    }),
    { numRuns: 300 },
  );
});

test("a fast clock's timers fire early and a slow one's late, those that wait already too", async () => {
  const timeline = new Timeline(settle);
  const { clock, rate } = clockOn(timeline);
  const fired: number[] = [];
  for (const delay of [100, 200, 400]) clock.after(delay, () => fired.push(timeline.now));
  await timeline.run(100);
  rate.rate = 2;
  await timeline.run(50);
  rate.rate = 0.5;
  await timeline.run(1000);
  assert.deepEqual(fired, [100, 150, 550]);
  assert.equal(clock.now(), 100 + 100 + 500);
});

test("a leap makes what became due fire at once, in the order in which it was due", async () => {
  const timeline = new Timeline(settle);
  const { clock, rate } = clockOn(timeline);
  const fired: string[] = [];
  clock.after(300, () => fired.push(`300 at ${timeline.now}`));
  clock.after(100, () => fired.push(`100 at ${timeline.now}`));
  clock.after(900, () => fired.push(`900 at ${timeline.now}`));
  timeline.at(50, () => rate.jump(500));
  await timeline.run(1000);
  assert.deepEqual(fired, ["100 at 50", "300 at 50", "900 at 400"]);
});

test("each life has a clock from 0, and a wall clock that goes on and may be wrong", async () => {
  const timeline = new Timeline(settle);
  await timeline.run(500);
  const rate = new ClockRate(timeline);
  const first = new VirtualClock(timeline, rate, new VirtualProcess(timeline));
  await timeline.run(1000);
  const second = new VirtualClock(timeline, rate, new VirtualProcess(timeline));
  assert.equal(first.now(), 1000);
  assert.equal(second.now(), 0);
  assert.equal(first.wallClock(), second.wallClock());
  const before = first.wallClock();
  rate.wallShiftMs = -5000;
  assert.equal(first.wallClock(), before - 5000);
  assert.equal(first.now(), 1000);
});

test("a cancelled timer does not fire, not even one that fired into a pause", async () => {
  const timeline = new Timeline(settle);
  const { clock, process } = clockOn(timeline);
  let fired = 0;
  const count = (): void => void fired++;
  clock.after(10, count).cancel();
  const waits = clock.after(20, count);
  const early = clock.after(15, () => waits.cancel());
  process.pause();
  await timeline.run(100);
  process.resume();
  await timeline.run(0);
  assert.equal(fired, 0);
  early.cancel();
  clock.after(5, count);
  process.kill();
  await timeline.run(100);
  assert.equal(fired, 0);
});

test("soon comes behind what is ready now, and before time goes on", async () => {
  const timeline = new Timeline(settle);
  const { clock } = clockOn(timeline);
  const seen: string[] = [];
  clock.after(0, () => {
    seen.push("ready");
    clock.soon(() => seen.push(`soon at ${clock.now()}`));
  });
  clock.after(0, () => seen.push("ready too"));
  clock.after(0.001, () => seen.push("later"));
  await timeline.run(1);
  assert.deepEqual(seen, ["ready", "ready too", "soon at 0", "later"]);
});

test("what no clock does is refused", () => {
  const { clock, rate } = clockOn(new Timeline(settle));
  assert.throws(() => clock.after(2 ** 31, () => {}), /2147483648/);
  assert.throws(() => clock.after(Number.NaN, () => {}), /NaN/);
  assert.throws(() => rate.jump(-1), /never goes back/);
  for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => {
      rate.rate = bad;
    }, /above 0/);
  }
});
