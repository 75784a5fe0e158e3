import assert from "node:assert/strict";
import { test } from "node:test";
import { Group } from "./membership.ts";
import { Participants } from "./testing/participants.ts";

test("members come, change, leave and die, and who watches sees it", async () => {
  const world = new Participants();
  const [one, two, watcher] = [world.join(), world.join(), world.join()];
  const seen: string[] = [];
  const end = new AbortController();
  const watch = (async () => {
    for await (const members of new Group(watcher.source, "g").watch({ signal: end.signal })) {
      seen.push([...members.values()].map(({ name, value }) => `${name}=${value}`).join(" "));
    }
  })();
  await world.pass(10);
  const a = await world.play(new Group(one.source, "g").join("a", "1"));
  await world.play(new Group(two.source, "g").join("b", "1"));
  await world.play(a.update("2"));
  two.process.kill();
  await world.pass(8_000);
  await world.play(a.leave());
  await world.pass(10);
  end.abort();
  await world.play(watch);
  assert.deepEqual(seen, ["", "a=1", "a=1 b=1", "a=2 b=1", "a=2", ""]);
  await assert.rejects(a.update("3"), { code: "RELEASED" });
});

test("a name is one member's at most", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const group = new Group(one.source, "g");
  const a = await world.play(group.join("a"));
  await assert.rejects(world.play(new Group(two.source, "g").join("a")), { code: "TAKEN" });
  assert.deepEqual([...(await world.play(group.members())).keys()], ["a"]);
  await world.play(a.leave());
  const again = await world.play(new Group(two.source, "g").join("a"));
  assert.ok(again.fence > a.fence);
  await assert.rejects(group.join(""), { code: "INVALID_ARGUMENT" });
});

test("a join whose answer is lost is there once, and is no stranger to itself", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 300 }] as const) {
    const world = new Participants();
    const { source, store } = world.join();
    await world.play(source.current());
    store.faults.nextWrites(outcome);
    const member = await world.play(new Group(source, "g").join("a"));
    await world.pass(1_000);
    assert.ok(member.held);
    assert.deepEqual(world.keys("group/"), [member.key]);
  }
});
