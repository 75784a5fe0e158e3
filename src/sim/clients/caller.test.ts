import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../consensus/random.ts";
import { settle } from "../../virtual/testing/settle.ts";
import type { Call } from "../history.ts";
import { drawPlan } from "../plan/draw.ts";
import { Line } from "../world/line.ts";
import { World } from "../world/world.ts";
import { Caller } from "./caller.ts";
import { rangeRequest } from "./kv-client.ts";

// Seed 111: a read counted for the life that had ended before it arrived, and its successor had applied less.
test("a call counts for the process that took it, not for the one that ran when it was made", async () => {
  const world = new World({ plan: drawPlan(1, { members: 1, faults: [] }), settle, keepLines: 0 });
  const [member] = world.members;
  assert.ok(member !== undefined);
  const { timeline, observer } = world;
  assert.ok(await timeline.run(20_000, () => member.serving && world.leader !== null));
  const { recorder } = observer;
  const random = new SeededRandom(1);
  const caller = new Caller({ client: 1, world, recorder, random, patienceMs: 20_000 });
  const wayMs = 2_000;
  caller.pin(new Line({ timeline, random, member, minDelayMs: wayMs, maxDelayMs: wayMs }));

  member.die(false);
  const calls: Call[] = [];
  caller.call({ type: "range", request: rangeRequest("k", { serializable: true }) }, (_, call) => calls.push(call));
  member.start();
  assert.ok(await timeline.run(20_000, () => calls.length > 0));
  const [{ life, member: id, outcome } = {}] = calls;
  assert.equal(outcome?.type, "answered");
  assert.equal(life, 2);
  assert.equal(id, member.id);
});
