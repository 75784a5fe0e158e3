import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCommand, encodeCommand } from "../keyspace/command.ts";
import { Keyspace } from "../keyspace/keyspace.ts";
import { Leasing } from "./leasing.ts";

function leader() {
  const keyspace = new Keyspace();
  keyspace.apply(encodeCommand({ type: "leaseGrant", id: 7n, ttl: 2 }));
  const world = { now: 0, epochLed: 5, proposed: [] as { command: string; epoch: number }[] };
  const leasing = new Leasing({
    clock: {
      now: () => world.now,
      wallClock: () => 0,
      after: () => ({ cancel() {} }),
      soon: (run) => run(),
      afterEvent: (run) => run(),
    },
    keyspace: () => keyspace,
    epochLed: () => world.epochLed,
    propose: (command, epoch) => world.proposed.push({ command: decodeCommand(command).type, epoch }),
    linearize: (done) => done(null),
    expired: () => {},
  });
  leasing.promote();
  return { world, leasing };
}

test("a leader revokes what expired, in its own epoch", () => {
  const { world, leasing } = leader();
  world.now = 1_999;
  leasing.tick();
  assert.deepEqual(world.proposed, []);
  world.now = 2_000;
  leasing.tick();
  assert.deepEqual(world.proposed, [{ command: "leaseRevoke", epoch: 5 }]);
});

// The simulator's seed 192: a process stood still, its successor renewed the lease, and when it went on it took a tick
// after its engine had heard of the new epoch and before the replica had. Its order, named after that epoch, was obeyed.
test("whose engine is deposed gives no orders and renews nothing, also before it is told so", async () => {
  const { world, leasing } = leader();
  world.now = 60_000;
  world.epochLed = 0;
  leasing.tick();
  assert.deepEqual(world.proposed, []);
  assert.equal(leasing.epoch, 0);
  await assert.rejects(leasing.renew(7n), { code: "NOT_LEADER" });
});

test("who leads again counts anew, without having been told of the time between", () => {
  const { world, leasing } = leader();
  world.now = 1_500;
  world.epochLed = 9;
  leasing.promote();
  world.now = 3_499;
  leasing.tick();
  assert.deepEqual(world.proposed, []);
  world.now = 3_500;
  leasing.tick();
  assert.deepEqual(world.proposed, [{ command: "leaseRevoke", epoch: 9 }]);
});
