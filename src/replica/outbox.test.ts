import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outbound } from "../consensus/engine.ts";
import { Outbox } from "./outbox.ts";

const message = (after: number): Outbound => ({ to: 1n, pieces: [], after, bulk: false });

function outbox(): { box: Outbox; sent: number[] } {
  const sent: number[] = [];
  return { box: new Outbox(({ after }) => sent.push(after)), sent };
}

test("a promise leaves only when what it promises is on disk", () => {
  const { box, sent } = outbox();
  box.post([message(2), message(0), message(1)]);
  assert.deepEqual(sent, [0]);
  box.written(1);
  assert.deepEqual(sent, [0, 1]);
  box.written(2);
  assert.deepEqual(sent, [0, 1, 2]);
});

test("what depends on a write that is done leaves at once", () => {
  const { box, sent } = outbox();
  box.written(5);
  box.post([message(5), message(6)]);
  assert.deepEqual(sent, [5]);
});

test("a disk that takes back what it said stops the member", () => {
  const { box } = outbox();
  box.written(5);
  assert.throws(() => box.written(4), /write 4 reported durable after write 5/);
});
