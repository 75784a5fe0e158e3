import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClient } from "../../grpc/client/testing/test-client.ts";
import { ErrorCode } from "../../grpc/http2/frames.ts";
import type { Method } from "../../wire/methods.ts";
import { CallFailure, type OutboundStream } from "../channel.ts";
import { GrpcChannel } from "./grpc-channel.ts";

const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
};
const method: Method<string, string> = { path: "/t.T/Any", repeatable: true, ...utf8 };
const LIMIT = { timeoutMs: 1_000 };

class Opened {
  readonly stream: OutboundStream<string>;
  readonly replies: string[] = [];
  readonly ends: (CallFailure | null)[] = [];
  /** Called with each reply. */
  onReply: () => void = () => undefined;

  constructor(channel: GrpcChannel, decode = utf8.decode) {
    this.stream = channel.open(
      { ...method, decode },
      {
        reply: (text) => {
          this.replies.push(text);
          this.onReply();
        },
        ended: (error) => this.ends.push(error),
      },
    );
    assert.equal(this.ends.length, 0, "not before open has returned");
  }
}

function channel(): { t: TestClient; channel: GrpcChannel; lost: Error[] } {
  const lost: Error[] = [];
  const t = new TestClient();
  const made = new GrpcChannel({ endpoint: "here:1", client: t.client, maxRequestBytes: 100, clock: t.clock });
  t.onOver = () => made.lose(t.over[0] ?? new Error("it was not told why"));
  made.onLost((reason) => lost.push(reason));
  return { t, channel: made, lost };
}

function failed(mayHaveArrived: boolean, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CallFailure);
    assert.match(error.message, message);
    assert.equal(error.mayHaveArrived, mayHaveArrived, error.message);
    return true;
  };
}

test("a member that asks to go is left at once, but calls that it took are answered, also after close", async () => {
  const { t, channel: one, lost } = channel();
  const [taken, late] = [one.call(method, "a", LIMIT), one.call(method, "b", LIMIT)];
  const watch = new Opened(one);
  watch.stream.send("w");
  t.clock.turn();
  // As a store does.
  one.onLost((reason) => {
    lost.push(reason);
    one.close();
  });
  t.server.goAway(1);
  assert.equal(lost.length, 1);
  await assert.rejects(late, failed(false, /here:1: the server ends the connection/));
  await assert.rejects(one.call(method, "c", LIMIT), failed(false, /the server ends the connection/));
  t.server.answer(1, "done");
  assert.equal(await taken, "done");
  assert.deepEqual(
    watch.ends.map((end) => end?.mayHaveArrived),
    [false],
  );
  assert.ok(t.server.wire.isClosed);
});

test("a stream that the member took does not hold a connection that is to end", async () => {
  const { t, channel: one } = channel();
  const watch = new Opened(one);
  watch.stream.send("w");
  t.clock.turn();
  one.onLost(() => one.close());
  t.server.goAway(1);
  assert.deepEqual(
    watch.ends.map((end) => [end?.code, end?.mayHaveArrived]),
    [["UNAVAILABLE", true]],
  );
  t.clock.turn();
  assert.ok(t.server.wire.isClosed);
});

test("closed, it fails all, and is not lost", async () => {
  const { t, channel: one, lost } = channel();
  const sent = one.call(method, "a", LIMIT);
  t.clock.turn();
  const unsent = one.call(method, "b", LIMIT);
  const watch = new Opened(one);
  one.close();
  await assert.rejects(sent, failed(true, /closed/));
  await assert.rejects(unsent, failed(false, /closed/));
  assert.deepEqual([watch.ends.length, lost.length], [1, 0]);
  const late = new Opened(one);
  t.clock.turn();
  assert.deepEqual(
    late.ends.map((end) => end?.mayHaveArrived),
    [false],
  );
});

test("that it was lost is told also to who asks later", () => {
  const { t, channel: one, lost } = channel();
  t.server.wire.destroy();
  assert.equal(lost.length, 1);
  one.onLost((reason) => lost.push(reason));
  t.clock.turn();
  assert.equal(lost.length, 2);
});

test("replies wait while a stream is paused, and its end behind them", () => {
  const { t, channel: one } = channel();
  const { stream, replies, ends } = new Opened(one);
  t.clock.turn();
  t.server.head(1);
  t.server.message(1, "a");
  stream.pause();
  t.server.message(1, "b");
  t.server.message(1, "c");
  t.server.trailers(1);
  assert.deepEqual([replies, ends], [["a"], []]);
  stream.resume();
  assert.deepEqual([replies, ends], [["a", "b", "c"], [null]]);
});

test("a stream may be paused and given up by who takes its replies", () => {
  const { t, channel: one } = channel();
  const opened = new Opened(one);
  t.clock.turn();
  t.server.head(1);
  opened.stream.pause();
  for (const text of ["a", "b", "c"]) t.server.message(1, text);
  opened.onReply = () => opened.stream.pause();
  opened.stream.resume();
  assert.deepEqual(opened.replies, ["a"]);
  opened.onReply = () => opened.stream.cancel();
  opened.stream.resume();
  t.clock.turn();
  assert.deepEqual([opened.replies, opened.ends], [["a", "b"], []]);
  assert.equal(t.server.request(1).reset, ErrorCode.cancel);
});

test("a reply that cannot be read ends its stream", () => {
  const { t, channel: one } = channel();
  const { ends } = new Opened(one, () => assert.fail("garbage"));
  t.clock.turn();
  t.server.head(1);
  t.server.message(1, "a");
  t.clock.turn();
  assert.deepEqual(
    ends.map((end) => end?.code),
    ["MALFORMED_RESPONSE"],
  );
  assert.equal(t.server.request(1).reset, ErrorCode.cancel);
});

test("what cannot be sent is refused, and certainly has not arrived", async () => {
  const { t, channel: one } = channel();
  const metadata = { authorization: "a\nb" };
  await assert.rejects(one.call(method, "a", { ...LIMIT, metadata }), { code: "INVALID_ARGUMENT" });
  await assert.rejects(one.call(method, "x".repeat(101), LIMIT), failed(false, /maxRequestBytes, 100/));
  const ends: (CallFailure | null)[] = [];
  one.open(method, { reply: () => undefined, ended: (error) => ends.push(error) }, metadata);
  assert.equal(ends.length, 0);
  t.clock.turn();
  assert.deepEqual(
    ends.map((end) => [end?.code, end?.mayHaveArrived]),
    [["INVALID_ARGUMENT", false]],
  );
  assert.deepEqual(t.server.begun, []);
});

test("a signal gives a call up, and is let go of when the call is over", async () => {
  const { t, channel: one } = channel();
  const control = new AbortController();
  const call = one.call(method, "a", { ...LIMIT, signal: control.signal });
  t.clock.turn();
  const other = one.call(method, "b", { ...LIMIT, signal: control.signal });
  t.clock.turn();
  t.server.answer(3, "b!");
  assert.equal(await other, "b!");
  control.abort();
  await assert.rejects(call, { code: "CANCELLED", mayHaveArrived: true });
  t.clock.turn();
  assert.equal(t.server.request(1).reset, ErrorCode.cancel);
  assert.equal(t.server.request(3).reset, null);
});
