import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Lessor } from "./lessor.ts";
import { type DeadlineEntry, DeadlineHeap } from "./lessor-heap.ts";

test("the heap gives the earliest first, through moves and removals", () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant("set" as const), which: fc.nat(20), at: fc.nat(50) }),
    fc.record({ op: fc.constant("remove" as const), which: fc.nat(20), at: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DeadlineHeap<DeadlineEntry>();
      const entries = Array.from({ length: 21 }, (): DeadlineEntry => ({ at: 0, slot: -1 }));
      const model = new Map<DeadlineEntry, number>();
      for (const { op, which, at } of steps) {
        const entry = entries[which];
        assert.ok(entry !== undefined);
        if (op === "set") {
          heap.set(entry, at);
          model.set(entry, at);
        } else {
          heap.remove(entry);
          model.delete(entry);
        }
        assert.equal(heap.size, model.size);
        assert.equal(heap.first?.at ?? null, model.size === 0 ? null : Math.min(...model.values()));
      }
      const drained: number[] = [];
      for (let first = heap.first; first !== null; first = heap.first) {
        drained.push(first.at);
        heap.remove(first);
      }
      assert.deepEqual(
        drained,
        [...model.values()].sort((a, b) => a - b),
      );
    }),
  );
});

test("a lease lives for its time, and renewals start it again", () => {
  const lessor = new Lessor();
  lessor.promote(0, []);
  lessor.granted(7n, 5, 1_000);
  assert.equal(lessor.nextDeadline, 6_000);
  assert.equal(lessor.remaining(7n, 1_000), 5);
  assert.equal(lessor.remaining(7n, 2_001), 3);
  assert.equal(lessor.renew(7n, 4_000), 5);
  assert.deepEqual(lessor.expired(8_999, 10), []);
  assert.deepEqual(lessor.expired(9_000, 10), [7n]);
});

test("what has expired cannot be renewed, and is reported again until it is revoked", () => {
  const lessor = new Lessor({ retryMs: 3_000 });
  lessor.promote(0, []);
  lessor.granted(7n, 5, 0);
  assert.equal(lessor.renew(7n, 5_000), null);
  assert.equal(lessor.remaining(7n, 5_000), null);
  assert.deepEqual(lessor.expired(5_000, 10), [7n]);
  assert.deepEqual(lessor.expired(7_999, 10), []);
  assert.equal(lessor.nextDeadline, 8_000);
  assert.equal(lessor.renew(7n, 7_000), null);
  assert.deepEqual(lessor.expired(8_000, 10), [7n]);
  lessor.revoked(7n);
  assert.deepEqual(lessor.expired(20_000, 10), []);
  assert.equal(lessor.nextDeadline, null);
  assert.equal(lessor.renew(7n, 20_000), null);
});

test("only a leader counts", () => {
  const lessor = new Lessor();
  lessor.granted(7n, 1, 0);
  assert.equal(lessor.renew(7n, 0), null);
  lessor.promote(0, [{ id: 8n, ttl: 2, remainingTtl: 0 }]);
  assert.equal(lessor.size, 1);
  assert.equal(lessor.renew(8n, 100), 2);
  lessor.demote();
  assert.equal(lessor.renew(8n, 200), null);
  assert.deepEqual(lessor.expired(1_000_000, 10), []);
});

test("a new leader gives the full time again, or what the checkpoint says, and never more than was granted", () => {
  const lessor = new Lessor({ graceMs: 1_000 });
  lessor.promote(50_000, [
    { id: 1n, ttl: 10, remainingTtl: 0 },
    { id: 2n, ttl: 1_000, remainingTtl: 20 },
    { id: 3n, ttl: 30, remainingTtl: 900 },
  ]);
  assert.deepEqual(lessor.expired(60_999, 10), []);
  assert.deepEqual(lessor.expired(61_000, 10), [1n]);
  assert.equal(lessor.remaining(2n, 51_000), 20);
  assert.equal(lessor.remaining(3n, 51_000), 30);
});

test("expiries keep to the rate", () => {
  const lessor = new Lessor({ expiriesPerSecond: 100 });
  lessor.promote(0, []);
  for (let id = 1n; id <= 200n; id++) lessor.granted(id, 1, 0);
  assert.equal(lessor.expired(1_000, 30).length, 30);
  assert.equal(lessor.expired(1_000, 30).length, 20);
  assert.equal(lessor.expired(1_400, 30).length, 0);
  assert.equal(lessor.nextDeadline, 1_500);
  assert.equal(lessor.expired(1_500, 1_000).length, 50);
});

test("a pile-up of leases is spread at a promotion, and none is brought forward", () => {
  const lessor = new Lessor({ expiriesPerSecond: 100, graceMs: 0 });
  const leases = Array.from({ length: 400 }, (_, at) => ({ id: BigInt(at + 1), ttl: 10 + (at % 2), remainingTtl: 0 }));
  lessor.promote(0, leases);
  const times: number[] = [];
  for (let now = 0; now <= 30_000; now += 500) {
    for (const id of lessor.expired(now, 1_000)) {
      lessor.revoked(id);
      times.push(now);
      assert.ok(now >= 1_000 * (leases[Number(id) - 1]?.ttl ?? 0), `lease ${id} expired before its time`);
    }
  }
  assert.equal(times.length, 400);
  for (let second = 10_000; second < 20_000; second += 1_000) {
    const inSecond = times.filter((time) => time > second && time <= second + 1_000).length;
    assert.ok(inSecond <= 75, `${inSecond} expiries in the second after ${second}`);
  }
});

test("what is left of a long lease is written down, and forgotten when it is renewed", () => {
  const lessor = new Lessor({ checkpointIntervalMs: 300_000 });
  lessor.promote(0, []);
  lessor.granted(1n, 300, 0);
  lessor.granted(2n, 3_600, 0);
  assert.deepEqual(lessor.checkpoints(299_999), []);
  assert.deepEqual(lessor.checkpoints(300_000), [{ id: 2n, remainingTtl: 3_300 }]);
  assert.deepEqual(lessor.checkpoints(300_000), []);
  assert.equal(lessor.isCheckpointVoid(2n), false);
  assert.equal(lessor.renew(2n, 400_000), 3_600);
  assert.equal(lessor.isCheckpointVoid(2n), true);
  assert.deepEqual(lessor.checkpoints(400_000), [{ id: 2n, remainingTtl: 0 }]);
  // Handed out is not applied: until then a renewal must not be answered by who has no proof of it.
  assert.equal(lessor.isCheckpointVoid(2n), true);
  lessor.checkpointed(2n, 0, 400_000);
  assert.equal(lessor.isCheckpointVoid(2n), false);
  assert.deepEqual(lessor.checkpoints(699_999), []);
  assert.deepEqual(lessor.checkpoints(700_000), [{ id: 2n, remainingTtl: 3_300 }]);
});

test("the order to forget a checkpoint stands until it is applied, and comes again only after a while", () => {
  const lessor = new Lessor({ checkpointIntervalMs: 300_000, retryMs: 3_000 });
  lessor.promote(0, [{ id: 2n, ttl: 3_600, remainingTtl: 600 }]);
  const forget = [{ id: 2n, remainingTtl: 0 }];
  lessor.renew(2n, 1_000);
  assert.deepEqual(lessor.checkpoints(1_000), forget);
  assert.equal(lessor.renew(2n, 1_010), 3_600);
  assert.equal(lessor.isCheckpointVoid(2n), true, "the second renewal is not durable either");
  assert.deepEqual(lessor.checkpoints(1_010), [], "not once a tick, however often it is renewed");
  assert.equal(lessor.nextDeadline, 4_000);
  assert.deepEqual(lessor.checkpoints(3_999), []);
  assert.deepEqual(lessor.checkpoints(4_000), forget);
  lessor.checkpointed(2n, 0, 4_100);
  assert.equal(lessor.isCheckpointVoid(2n), false);
  assert.deepEqual(lessor.checkpoints(304_099), [], "the next one is an ordinary one, an interval later");
  assert.deepEqual(lessor.checkpoints(304_100), [{ id: 2n, remainingTtl: 3_297 }]);
});

test("a checkpoint that is applied after the renewal that made it void is forgotten, too", () => {
  const lessor = new Lessor({ checkpointIntervalMs: 300_000 });
  lessor.promote(0, []);
  lessor.granted(2n, 3_600, 0);
  assert.deepEqual(lessor.checkpoints(300_000), [{ id: 2n, remainingTtl: 3_300 }]);
  lessor.renew(2n, 300_100);
  lessor.checkpointed(2n, 3_300, 300_200);
  assert.equal(lessor.isCheckpointVoid(2n), true);
  lessor.checkpointed(2n, 0, 300_300);
  assert.equal(lessor.isCheckpointVoid(2n), false);
  lessor.checkpointed(2n, 3_300, 300_400);
  assert.equal(lessor.isCheckpointVoid(2n), true);
  assert.deepEqual(lessor.checkpoints(300_400), [{ id: 2n, remainingTtl: 0 }]);
  lessor.checkpointed(9n, 0, 300_500);
});

test("a checkpoint that a predecessor wrote is forgotten at the first renewal", () => {
  const lessor = new Lessor();
  lessor.promote(0, [{ id: 2n, ttl: 3_600, remainingTtl: 100 }]);
  assert.equal(lessor.renew(2n, 99_000), 3_600);
  assert.deepEqual(lessor.checkpoints(99_000), [{ id: 2n, remainingTtl: 0 }]);
});

test("random lives agree with a plain model", () => {
  const step = fc.record({
    op: fc.constantFrom("grant", "renew", "revoke", "wait", "expire", "promote"),
    id: fc.bigInt({ min: 1n, max: 6n }),
    ttl: fc.integer({ min: 1, max: 5 }),
    wait: fc.integer({ min: 1, max: 4_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const lessor = new Lessor({ retryMs: 3_000 });
      const model = new Map<bigint, { ttl: number; deadline: number; reportAt: number }>();
      let now = 0;
      lessor.promote(now, []);
      for (const { op, id, ttl, wait } of steps) {
        const lease = model.get(id);
        switch (op) {
          case "grant":
            lessor.granted(id, ttl, now);
            model.set(id, { ttl, deadline: now + ttl * 1_000, reportAt: now + ttl * 1_000 });
            break;
          case "renew": {
            const alive = lease !== undefined && lease.deadline > now;
            assert.equal(lessor.renew(id, now), alive ? lease.ttl : null);
            if (alive) lease.deadline = lease.reportAt = now + lease.ttl * 1_000;
            break;
          }
          case "revoke":
            lessor.revoked(id);
            model.delete(id);
            break;
          case "wait":
            now += wait;
            break;
          case "expire": {
            const due = [...model].filter(([, { reportAt }]) => reportAt <= now);
            due.sort(([, a], [, b]) => a.reportAt - b.reportAt);
            const got = lessor.expired(now, 100);
            assert.deepEqual(
              got.map((each) => model.get(each)?.reportAt),
              due.map(([, { reportAt }]) => reportAt),
            );
            assert.equal(new Set(got).size, got.length);
            for (const [, each] of due) each.reportAt = now + 3_000;
            break;
          }
          case "promote":
            lessor.promote(
              now,
              [...model].map(([each, { ttl: granted }]) => ({ id: each, ttl: granted, remainingTtl: 0 })),
            );
            for (const each of model.values()) each.deadline = each.reportAt = now + each.ttl * 1_000;
            break;
        }
        assert.equal(lessor.size, model.size);
        const next = model.size === 0 ? null : Math.min(...[...model.values()].map(({ reportAt }) => reportAt));
        assert.equal(lessor.nextDeadline, next);
      }
    }),
  );
});
