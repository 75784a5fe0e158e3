import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import { command } from "../testing/solo.ts";
import { EntryLog } from "./entry-log.ts";
import { Writes } from "./writes.ts";

const state = new Uint8Array([1]);
const setup = (): { log: EntryLog; writes: Writes; issue: (now?: number) => ReturnType<Writes["issue"]> } => {
  const log = new EntryLog({ epoch: 0, index: 0 }, [command(1, 1), command(1, 2)]);
  const writes = new Writes(2);
  return { log, writes, issue: (now = 0) => writes.issue(log, () => state, now) };
};

describe("Writes", () => {
  it("gathers all changes of a turn into one numbered write", () => {
    const { log, writes, issue } = setup();
    assert.equal(issue(), null);
    assert.equal(writes.barrier(log), 0);
    log.append(command(2, 3));
    writes.stateChanged();
    assert.equal(writes.barrier(log), 1);
    const write = issue();
    assert.deepEqual([write?.number, write?.entries.map((entry) => entry.index), write?.state], [1, [3], state]);
    assert.deepEqual([write?.snapshot, write?.truncateFrom], [null, null]);
    assert.equal(writes.barrier(log), 1);
    assert.equal(writes.durableIndex, 2);
    assert.equal(writes.complete(1), true);
    assert.equal(writes.complete(1), false);
    assert.deepEqual([writes.durableIndex, writes.barrier(log)], [3, 0]);
  });

  it("says when the oldest write under way was handed out", () => {
    const { log, writes, issue } = setup();
    assert.equal(writes.oldestIssuedAt, null);
    log.append(command(2, 3));
    issue(10);
    log.append(command(2, 4));
    issue(20);
    assert.equal(writes.oldestIssuedAt, 10);
    writes.complete(1);
    assert.equal(writes.oldestIssuedAt, 20);
  });

  // Scenario 33 [etcd-io/raft testdata/async_storage_writes_append_aba_race.txt].
  it("scenario 33: an entry written, overwritten and written again is durable only with its last write", () => {
    const { log, writes, issue } = setup();
    const replace = (epoch: number): void => {
      log.truncateFrom(3);
      writes.truncated(3);
      log.append(command(epoch, 3));
    };
    log.append(command(2, 3));
    issue();
    replace(3);
    assert.equal(issue()?.truncateFrom, 3);
    log.truncateFrom(3);
    writes.truncated(3);
    log.append(command(3, 3));
    assert.equal(issue()?.truncateFrom, 3);
    writes.complete(1);
    assert.equal(writes.durableIndex, 2);
    writes.complete(2);
    assert.equal(writes.durableIndex, 2);
    writes.complete(3);
    assert.equal(writes.durableIndex, 3);
  });

  it("what was never written is not truncated on disk", () => {
    const { log, writes, issue } = setup();
    log.append(command(2, 3));
    log.truncateFrom(3);
    writes.truncated(3);
    log.append(command(3, 3));
    const write = issue();
    assert.deepEqual([write?.truncateFrom, write?.entries.map((entry) => entry.epoch)], [null, [3]]);
  });

  it("a snapshot replaces what was to be written", () => {
    const { log, writes, issue } = setup();
    log.append(command(2, 3));
    issue();
    const snapshot = { epoch: 3, index: 10, membership: createMembership([1n]) };
    log.reset(snapshot);
    writes.restarted(snapshot);
    log.append(command(3, 11));
    const write = issue();
    assert.deepEqual([write?.snapshot, write?.entries.map((entry) => entry.index)], [snapshot, [11]]);
    writes.complete(1);
    assert.equal(writes.durableIndex, 10);
    writes.complete(2);
    assert.equal(writes.durableIndex, 11);
  });

  it("what stays behind a snapshot is written anew, whatever the disk keeps", () => {
    const { log, writes, issue } = setup();
    log.append(command(2, 3));
    issue();
    const snapshot = { epoch: 1, index: 2, membership: createMembership([1n]) };
    log.reset(snapshot);
    writes.restarted(snapshot, true);
    log.append(command(2, 3));
    const write = issue();
    assert.deepEqual([write?.truncateFrom, write?.entries.map((entry) => entry.index)], [3, [3]]);
  });

  it("a number never handed out cannot be durable", () => {
    const { writes } = setup();
    assert.throws(() => writes.complete(1), /write 1 cannot be durable: the newest handed out is 0/);
  });
});
