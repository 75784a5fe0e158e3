import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult } from "../keyspace/keyspace.ts";
import { MAX_BATCH_BYTES } from "./batch.ts";
import { Forwards, Proposals } from "./proposals.ts";

const command = (size = 1): Uint8Array => new Uint8Array(size);
const done: CommandResult = { type: "done", revision: 7 };
const frame = (): Uint8Array => new Uint8Array(0);

function proposals(
  maxCommands = 100,
  maxBytes = 1 << 24,
): { all: Proposals; add: (size?: number, deadline?: number) => string[] } {
  const all = new Proposals({ maxCommands, maxBytes });
  const add = (size = 1, deadline = 1_000): string[] => {
    const answers: string[] = [];
    const taken = all.add(
      command(size),
      (result) => answers.push(result.type === "error" ? result.error.message : result.type),
      deadline,
    );
    if (!taken) answers.push("not taken");
    return answers;
  };
  return { all, add };
}

test("commands of a turn share a batch, up to its size; one larger command is alone", () => {
  const { all, add } = proposals();
  add(MAX_BATCH_BYTES / 2);
  add(MAX_BATCH_BYTES / 4);
  add(MAX_BATCH_BYTES * 2);
  add(1);
  const sizes = [];
  for (let batch = all.takeBatch(1, frame); batch !== null; batch = all.takeBatch(1, frame))
    sizes.push(batch.commands.length);
  assert.deepEqual(sizes, [2, 1, 1]);
});

test("each command gets the result of its place", () => {
  const { all, add } = proposals();
  const [first, second] = [add(), add()];
  const batch = all.takeBatch(1, frame);
  all.applied(batch?.sequence ?? 0, [done, { type: "compact", revision: 8 }]);
  assert.deepEqual([first, second], [["done"], ["compact"]]);
  assert.equal(all.count, 0);
});

test("what an older epoch can no longer apply is proposed again, in its order and before newer commands", () => {
  const { all, add } = proposals();
  const order: string[] = [];
  for (const name of ["a", "b"]) {
    all.add(
      Uint8Array.from(name, (c) => c.charCodeAt(0)),
      () => order.push(name),
      1_000,
    );
    all.takeBatch(4, frame);
  }
  add();
  all.epochApplied(4);
  assert.equal(all.takeBatch(5, frame)?.commands.length, 1, "batches of epoch 4 may still be applied");
  all.epochApplied(5);
  const again = all.takeBatch(5, frame);
  assert.deepEqual(
    again?.commands.map((pending) => String.fromCharCode(...pending.command)),
    ["a", "b"],
  );
});

test("a batch that was applied is not answered twice when its epoch ends", () => {
  const { all, add } = proposals();
  const answers = add();
  const batch = all.takeBatch(1, frame);
  all.applied(batch?.sequence ?? 0, [done]);
  all.applied(batch?.sequence ?? 0, [done]);
  all.epochApplied(2);
  assert.equal(all.hasWaiting, false);
  assert.deepEqual(answers, ["done"]);
});

test("a batch never overtakes one that the link did not take", () => {
  const { all, add } = proposals();
  for (let i = 0; i < 3; i++) {
    add();
    all.takeBatch(1, frame);
  }
  const sent: number[] = [];
  all.sendUnsent(1, 9n, (batch) => batch.sequence !== 2 && sent.push(batch.sequence) > 0);
  assert.deepEqual(sent, [1]);
  all.sendUnsent(1, 9n, (batch) => sent.push(batch.sequence) > 0);
  assert.deepEqual(sent, [1, 2, 3]);
  all.linkReplaced(8n);
  all.sendUnsent(1, 9n, (batch) => sent.push(batch.sequence) > 0);
  assert.deepEqual(sent, [1, 2, 3], "the link to another member does not matter");
  all.linkReplaced(9n);
  all.sendUnsent(1, 9n, (batch) => sent.push(batch.sequence) > 0);
  assert.deepEqual(sent, [1, 2, 3, 1, 2, 3]);
});

test("deadlines: never sent says so, in flight is a time-out, and a late result answers nobody twice", () => {
  const { all, add } = proposals();
  const sent = add(1, 100);
  const batch = all.takeBatch(1, frame);
  const waiting = add(1, 100);
  const later = add(1, 200);
  all.expire(100, false, 7);
  assert.deepEqual([sent, waiting, later], [["etcdserver: request timed out"], ["etcdserver: no leader"], []]);
  all.applied(batch?.sequence ?? 0, [done]);
  assert.equal(sent.length, 1);
  all.expire(200, true, 7);
  assert.deepEqual(later, ["etcdserver: request timed out"]);
  assert.equal(all.count, 0);
});

test("commands that timed out are not proposed again", () => {
  const { all, add } = proposals();
  add(1, 100);
  all.takeBatch(1, frame);
  all.expire(100, true, 7);
  all.epochApplied(2);
  assert.equal(all.hasWaiting, false);
});

test("a batch that nobody waits for is not sent any more", () => {
  const { all, add } = proposals();
  add(1, 100);
  all.takeBatch(1, frame);
  all.expire(100, true, 7);
  const sent: number[] = [];
  all.sendUnsent(1, 9n, (batch) => sent.push(batch.sequence) > 0);
  assert.deepEqual(sent, []);
});

test("a command for one epoch only is refused in any other, before and after it was proposed", () => {
  const { all, add } = proposals();
  const answers: string[] = [];
  const done = (result: CommandResult): void => void answers.push(result.type === "error" ? result.error.message : "");
  all.add(command(), done, 1_000, 4);
  all.refuseOutdated(4, 7);
  all.takeBatch(4, frame);
  all.epochApplied(5);
  assert.deepEqual(answers, []);
  add();
  all.refuseOutdated(5, 7);
  assert.deepEqual(answers, ["etcdserver: leader changed"]);
  assert.equal(all.takeBatch(5, frame)?.commands.length, 1);
});

test("what is withdrawn keeps its order, whatever is withdrawn first", () => {
  const { all } = proposals();
  for (const name of [1, 2, 3]) {
    all.add(Uint8Array.of(name), () => {}, 1_000);
    all.takeBatch(4, frame);
  }
  for (const sequence of [1, 2, 3]) all.withdraw(sequence);
  assert.deepEqual(
    all.takeBatch(5, frame)?.commands.map((pending) => pending.command[0]),
    [1, 2, 3],
  );
});

test("too many commands or bytes are not taken", () => {
  const few = proposals(2);
  assert.deepEqual([few.add(), few.add(), few.add()], [[], [], ["not taken"]]);
  const small = proposals(100, 10);
  assert.deepEqual([small.add(6), small.add(6)], [[], ["not taken"]]);
});

test("stopping answers everybody: what waits certainly did not happen, what is on its way may", () => {
  const { all, add } = proposals();
  const sent = add();
  const batch = all.takeBatch(1, frame);
  const waiting = add();
  all.stop(7);
  assert.deepEqual([sent, waiting], [["etcdserver: request timed out"], ["etcdserver: server stopped"]]);
  all.applied(batch?.sequence ?? 0, [done]);
  assert.equal(sent.length, 1);
  assert.equal(all.count, 0);
});

test("stopping says the same of a batch whose link was replaced: it may have arrived on the old one", () => {
  const { all, add } = proposals();
  const sent = add();
  all.takeBatch(1, frame);
  all.sendUnsent(1, 9n, () => true);
  all.linkReplaced(9n);
  all.stop(7);
  assert.deepEqual(sent, ["etcdserver: request timed out"]);
});

test("a leader takes each forwarded batch once an epoch, and those of a restarted member", () => {
  const forwards = new Forwards();
  assert.equal(forwards.take(3, 1n, 10, 1), true);
  assert.equal(forwards.take(3, 1n, 10, 2), true);
  assert.equal(forwards.take(3, 1n, 10, 1), false);
  assert.equal(forwards.take(3, 1n, 10, 2), false);
  assert.equal(forwards.take(3, 2n, 10, 1), true);
  assert.equal(forwards.take(3, 1n, 11, 1), true);
  assert.equal(forwards.take(4, 1n, 11, 1), true);
});
