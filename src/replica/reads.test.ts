import assert from "node:assert/strict";
import { test } from "node:test";
import { Reads } from "./reads.ts";

function reads(): { all: Reads; add: (deadline?: number) => string[] } {
  const all = new Reads();
  const add = (deadline = 10_000): string[] => {
    const answers: string[] = [];
    all.add((error) => answers.push(error?.message ?? "ok"), deadline);
    return answers;
  };
  return { all, add };
}

test("reads of one turn share a question and wait until its index is applied", () => {
  const { all, add } = reads();
  const [a, b] = [add(), add()];
  assert.equal(all.due(0), true);
  all.ask(1, 0);
  assert.equal(all.due(0), false);
  all.indexed(1, 5, 3);
  all.applied(4);
  assert.deepEqual([a, b], [[], []]);
  all.applied(5);
  assert.deepEqual([a, b], [["ok"], ["ok"]]);
  assert.equal(all.waiting, false);
});

test("an index that is applied already is answered at once", () => {
  const { all, add } = reads();
  const a = add();
  all.ask(1, 0);
  all.indexed(1, 5, 5);
  assert.deepEqual(a, ["ok"]);
});

test("a refused question is asked again a little later, or at once when the status changed", () => {
  const { all, add } = reads();
  add();
  all.ask(1, 100);
  assert.equal(all.refused(1, 100), true);
  assert.equal(all.due(101), false);
  assert.equal(all.due(120), true);
  all.ask(2, 120);
  all.refused(2, 120);
  all.retryNow();
  assert.equal(all.due(121), true);
});

test("a question without an answer is asked again, and its late answer is ignored", () => {
  const { all, add } = reads();
  const a = add();
  all.ask(1, 0);
  all.expire(299);
  assert.equal(all.due(299), false);
  all.expire(300);
  assert.equal(all.due(300), true);
  all.ask(2, 300);
  all.indexed(1, 5, 9);
  assert.deepEqual(a, []);
  all.indexed(2, 9, 9);
  assert.deepEqual(a, ["ok"]);
});

test("later answers with smaller indexes are kept in order", () => {
  const { all, add } = reads();
  const a = add();
  all.ask(1, 0);
  const b = add();
  all.ask(2, 0);
  all.indexed(2, 9, 0);
  all.indexed(1, 5, 0);
  all.applied(5);
  assert.deepEqual([a, b], [["ok"], []]);
  all.applied(9);
  assert.deepEqual(b, ["ok"]);
});

test("deadlines hold in every stage", () => {
  const { all, add } = reads();
  const indexed = add(100);
  all.ask(1, 0);
  all.indexed(1, 5, 0);
  const fresh = add(100);
  const later = add(200);
  all.expire(100);
  assert.deepEqual([indexed, fresh, later], [["etcdserver: request timed out"], ["etcdserver: request timed out"], []]);
  all.stop();
  assert.deepEqual(later, ["etcdserver: server stopped"]);
});
