import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyValue } from "../wire/kv.ts";
import { NO_RANGE } from "../wire/request-codec.ts";
import { encodeCommand } from "./command.ts";
import type { KeyspaceHash, KeyspaceImage } from "./image.ts";
import { type CommandResult, Keyspace, KeyspaceLoader } from "./keyspace.ts";
import { command, rangeRequest } from "./testing/arbitraries.ts";
import { Model, type ModelResult } from "./testing/model.ts";

function plain({ key, createRevision, modRevision, version, value, lease }: KeyValue): KeyValue {
  return { key, createRevision, modRevision, version, value, lease };
}

/** The same result with records reduced to what a client sees, and errors to their codes. */
function visible(result: CommandResult): ModelResult {
  if (result.type === "error") return { type: "error", revision: result.revision, code: result.error.code };
  return reduced(result) as ModelResult;
}

function reduced(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reduced);
  if (typeof value !== "object" || value === null) return value;
  if ("modRevision" in value) return plain(value as KeyValue);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, reduced(field)]));
}

function outcome(read: () => unknown): unknown {
  try {
    return reduced(read());
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function hashOf(image: KeyspaceImage, revision = 0): KeyspaceHash {
  const slices = image.hash(revision);
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

function restored(image: KeyspaceImage, chunkBytes: number): Keyspace {
  const loader = new KeyspaceLoader();
  for (const chunk of image.chunks(chunkBytes)) loader.push(new Uint8Array(chunk));
  return loader.finish();
}

/** Everything that anybody can find out about a keyspace. */
function portrait(keyspace: Keyspace): unknown {
  const { revision, compactRevision } = keyspace;
  const ranges: unknown[] = [];
  for (let at = Math.max(1, compactRevision - 1); at <= revision + 1; at++) {
    ranges.push(outcome(() => keyspace.range({ ...NO_RANGE, key: "\0", rangeEnd: "\0", revision: at })));
  }
  const told: unknown[] = [];
  keyspace.forEachChange(Math.max(0, compactRevision), (record) => {
    const previous = keyspace.previous(record);
    told.push({ change: plain(record), deleted: record.deleted, previous: previous === null ? null : plain(previous) });
    return true;
  });
  return {
    revision,
    compactRevision,
    keyCount: keyspace.keyCount,
    liveBytes: keyspace.liveBytes,
    historyBytes: keyspace.historyBytes,
    ranges,
    told,
    leases: keyspace.leases
      .list()
      .map((lease) => ({ ...lease, keys: keyspace.leases.keys(lease.id) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    alarms: keyspace.alarms.list(),
  };
}

function modelPortrait(model: Model): unknown {
  const { revision, compactRevision } = model;
  const ranges: unknown[] = [];
  const corrupt = [...model.alarms].some((alarm) => alarm.endsWith("/2"));
  for (let at = Math.max(1, compactRevision - 1); at <= revision + 1; at++) {
    ranges.push(
      corrupt ? "CORRUPT" : outcome(() => model.range({ ...NO_RANGE, key: "\0", rangeEnd: "\0", revision: at })),
    );
  }
  const living = model.living("", "\0", revision);
  return {
    revision,
    compactRevision,
    keyCount: model.keyCount,
    liveBytes: model.liveBytes,
    historyBytes: model.historyBytes,
    ranges,
    told: model.told(compactRevision),
    leases: [...model.leases]
      .map(([id, lease]) => ({
        id,
        ...lease,
        keys: living.filter((kv) => kv.lease === id).map((kv) => kv.key),
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    alarms: [...model.alarms]
      .map((alarm) => ({ memberId: BigInt(alarm.split("/")[0] ?? ""), alarm: Number(alarm.split("/")[1]) }))
      .sort((a, b) => a.alarm - b.alarm || (a.memberId < b.memberId ? -1 : 1)),
  };
}

const step = fc.oneof(
  { weight: 12, arbitrary: command.map((one) => ({ type: "command" as const, command: one })) },
  { weight: 4, arbitrary: rangeRequest.map((request) => ({ type: "range" as const, request })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 8 }).map((records) => ({ type: "sweep" as const, records })) },
  { weight: 1, arbitrary: fc.constantFrom(1, 50, 1 << 16).map((size) => ({ type: "restore" as const, size })) },
  { weight: 1, arbitrary: fc.constant({ type: "freeze" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "thaw" as const }) },
);

test("random commands, sweeps, images and restarts: all answers and all that is visible are the naive model's", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: "max" }), (steps) => {
      const model = new Model();
      let keyspace = new Keyspace();
      // Sees only the commands.
      const twin = new Keyspace();
      let frozen: { image: KeyspaceImage; hash: KeyspaceHash; portrait: unknown } | null = null;
      for (const each of steps) {
        switch (each.type) {
          case "command": {
            const bytes = encodeCommand(each.command);
            const expected = model.apply(each.command);
            assert.deepEqual(visible(keyspace.apply(bytes)), expected);
            assert.deepEqual(visible(twin.apply(bytes)), expected);
            break;
          }
          case "range":
            assert.deepEqual(
              outcome(() => keyspace.range(each.request)),
              keyspace.alarms.has(2) ? "CORRUPT" : outcome(() => model.range(each.request)),
            );
            break;
          case "sweep":
            keyspace.sweep(each.records);
            break;
          case "restore":
            keyspace = restored(keyspace.freeze(), each.size);
            break;
          case "freeze":
            frozen?.image.release();
            frozen = { image: keyspace.freeze(), hash: hashOf(keyspace.freeze()), portrait: portrait(keyspace) };
            break;
          case "thaw":
            if (frozen === null) break;
            assert.deepEqual(portrait(restored(frozen.image, 64)), frozen.portrait);
            frozen = null;
            break;
        }
      }
      const expected = modelPortrait(model);
      assert.deepEqual(portrait(keyspace), expected);
      assert.deepEqual(portrait(twin), expected);
      while (keyspace.sweep(3));
      assert.deepEqual(portrait(keyspace), expected);
      const again = restored(keyspace.freeze(), 100);
      assert.deepEqual(portrait(again), expected);
      for (let at = Math.max(1, keyspace.compactRevision); at <= keyspace.revision; at++) {
        const hash = hashOf(keyspace.freeze(), at);
        assert.deepEqual(hashOf(twin.freeze(), at), hash);
        assert.deepEqual(hashOf(again.freeze(), at), hash);
      }
      if (frozen !== null) {
        assert.deepEqual(hashOf(frozen.image), frozen.hash);
        assert.deepEqual(portrait(restored(frozen.image, 64)), frozen.portrait);
      }
    }),
    { numRuns: 1000 },
  );
});
