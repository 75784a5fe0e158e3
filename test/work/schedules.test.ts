import assert from "node:assert/strict";
import { test } from "node:test";
import { Quorate } from "../../src/coordination/quorate.ts";
import { MemoryWorld } from "../../src/store/testing/memory-world.ts";
import { nextTime } from "../../src/work/schedules/calendar.ts";

test("each time is fired once, whoever runs schedules, and whoever dies", async () => {
  const world = new MemoryWorld();
  const programs = [1, 2, 3].map(() => world.client());
  const stop = new AbortController();
  const runs = programs.map(({ store }) => new Quorate(store).schedules.run({ signal: stop.signal }));
  const q = new Quorate(world.client().store);
  const ids: string[] = [];
  const worker = q.tasks.define("tick", (_: null, { id }) => void ids.push(id)).start({ capacity: 4 });
  await world.play(q.schedules.put("often", { everyMs: 2_000, task: "tick" }));
  await world.play(q.schedules.put("by cron", { cron: "*/5 * * * * *", timeZone: "Europe/Berlin", task: "tick" }));
  await world.pass(10_000);
  programs[0]?.process.kill();
  await world.pass(20_500);
  const often = ids.filter((id) => id.startsWith("often@"));
  const cron = ids.filter((id) => id.startsWith("by cron@"));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(often.length >= 14 && often.length <= 16, ids.join());
  assert.ok(cron.length >= 5 && cron.length <= 7, ids.join());
  assert.equal(await world.play(q.schedules.delete("often")), true);
  const before = ids.length;
  await world.pass(4_000);
  assert.ok(ids.length - before <= 1);
  assert.deepEqual(
    (await world.play(q.schedules.list())).map(({ name }) => name),
    ["by cron"],
  );
  stop.abort();
  await world.play(Promise.all(runs.slice(1)));
  await world.play(worker.drain());
});

test("times that were missed are skipped, made up for once, or each", async () => {
  for (const [missed, least, most] of [
    ["skip", 0, 1],
    ["once", 1, 2],
    ["all", 3, 4],
  ] as const) {
    const world = new MemoryWorld();
    const q = new Quorate(world.client().store);
    await world.play(q.schedules.put("s", { everyMs: 70_000, task: "tick", missed }));
    await world.pass(274_000);
    const stop = new AbortController();
    const run = q.schedules.run({ signal: stop.signal });
    await world.pass(1_000);
    stop.abort();
    await world.play(run);
    const { waiting } = await world.play(q.tasks.type("tick").length());
    assert.ok(waiting >= least && waiting <= most, `${missed}: ${waiting}`);
  }
});

test("cron knows time zones, and what it cannot read it says", () => {
  const noon = Date.UTC(2026, 2, 28, 12);
  // The night in which clocks go forward in Berlin: half past two does not exist.
  const next = nextTime({ cron: "30 9 * * *", timeZone: "Europe/Berlin" }, noon);
  assert.equal(next, Date.UTC(2026, 2, 29, 7, 30));
  assert.equal(nextTime({ everyMs: 1_000 }, 1_500), 2_000);
  assert.throws(() => nextTime({ cron: "every day" }, noon), { code: "INVALID_ARGUMENT", message: /every day/ });
  assert.throws(() => nextTime({ everyMs: 1 }, noon), { code: "INVALID_ARGUMENT" });
});
