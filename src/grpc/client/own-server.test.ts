/** The client against our own server, in memory: whatever calls are made, and however the bytes between them are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GrpcStatus } from "../../errors.ts";
import type { Limits } from "../http2/limits.ts";
import { Slab } from "../http2/slab.ts";
import { Turn } from "../http2/turn.ts";
import { type PipeEnd, pipe } from "../testing/pipe.ts";
import { bytesOf, TestDoor } from "../testing/test-door.ts";
import type { ClientCall } from "./client-call.ts";
import { GrpcClient } from "./grpc-client.ts";
import { Heard } from "./testing/test-client.ts";

class Pair {
  readonly door: TestDoor;
  readonly client: GrpcClient;
  readonly end: PipeEnd;
  readonly over: Error[] = [];

  constructor(limits: Partial<Limits>, cut: () => number) {
    this.door = new TestDoor(limits);
    const { clock } = this.door;
    const [end, served] = pipe({ clock, cut });
    this.end = end;
    this.client = new GrpcClient(end, {
      clock,
      context: { slab: new Slab(), turn: new Turn(clock) },
      scheme: "http",
      authority: "test:1",
      maxMessageBytes: 1 << 20,
      keepaliveTimeMs: 10_000,
      keepaliveTimeoutMs: 5_000,
      greeted: () => undefined,
      over: (reason) => this.over.push(reason),
    });
    this.door.door.accept(served);
    clock.turn();
  }

  call(name: string, request: string, timeoutMs = 60_000): { call: ClientCall; heard: Heard } {
    const heard = new Heard();
    return { heard, call: this.client.call(`/t.T/${name}`, bytesOf(request), timeoutMs, {}, heard) };
  }

  stream(name: string): { call: ClientCall; heard: Heard } {
    const heard = new Heard();
    return { heard, call: this.client.stream(`/t.T/${name}`, {}, heard) };
  }
}

type Act =
  | { readonly is: "echo" | "fail"; readonly text: string; readonly isGivenUp: boolean }
  | { readonly is: "size"; readonly bytes: number }
  | { readonly is: "stream"; readonly texts: readonly string[]; readonly pauses: boolean }
  | { readonly is: "turn" };

const words = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.nat(40_000).map((length) => "x".repeat(length)),
);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ is: fc.constantFrom("echo" as const, "fail" as const), text: words, isGivenUp: fc.boolean() }),
  fc.record({ is: fc.constant("size" as const), bytes: fc.nat(300_000) }),
  fc.record({ is: fc.constant("stream" as const), texts: fc.array(words, { maxLength: 5 }), pauses: fc.boolean() }),
  fc.record({ is: fc.constant("turn" as const) }),
);

test("every call is answered as it should be, or given up and never heard of", () => {
  fc.assert(
    fc.property(
      fc.array(act, { maxLength: 25, size: "max" }),
      fc.infiniteStream(fc.integer({ min: 300, max: 60_000 })),
      fc.integer({ min: 1, max: 8 }),
      (acts, cuts, maxConcurrentStreams) => {
        const pair = new Pair({ maxConcurrentStreams }, () => cuts.next().value ?? 1);
        const checks: (() => void)[] = [];
        for (const one of acts) {
          if (one.is === "turn") {
            pair.door.clock.turn();
          } else if (one.is === "size") {
            const { heard } = pair.call("Size", String(one.bytes));
            checks.push(() => assert.equal(heard.messages[0]?.length, one.bytes, heard.outcome));
          } else if (one.is === "stream") {
            const { call, heard } = pair.stream("EchoBidi");
            if (one.pauses) call.pause();
            for (const text of one.texts) call.send(bytesOf(text));
            checks.push(() => {
              call.resume();
              pair.door.clock.turn();
              assert.deepEqual(heard.messages, one.texts);
              call.cancel();
            });
          } else {
            const { call, heard } = pair.call(one.is === "echo" ? "Echo" : "Fail", one.text);
            if (one.isGivenUp) call.cancel();
            const done = one.is === "echo" ? "status 0" : `status ${GrpcStatus.notFound}`;
            checks.push(() => assert.equal(heard.outcome, one.isGivenUp ? "under way" : done));
          }
        }
        // Streams hold their places until they are given up.
        for (const check of checks) {
          pair.door.clock.turn();
          check();
        }
        pair.door.clock.turn();
        assert.deepEqual([pair.over, pair.door.door.calls], [[], 0]);
        pair.client.close(new Error("done"));
        pair.door.clock.turn();
        assert.equal(pair.door.door.connections, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test("a server that stops lets calls finish that it took, and the client goes by itself", async () => {
  const pair = new Pair({}, () => 1_000);
  const { clock, door, held } = pair.door;
  const { heard } = pair.call("Hold", "a");
  clock.turn();
  const closed = door.close(5_000);
  clock.turn();
  assert.equal(pair.over.length, 1);
  held[0]?.answer(null, bytesOf("b"));
  clock.turn();
  assert.deepEqual(heard.messages, ["b"]);
  assert.ok(pair.end.isClosed);
  await closed;
});

test("a server that is cut ends calls that may have arrived, and its deadline is the client's", () => {
  const pair = new Pair({}, () => 1_000);
  const { clock } = pair.door;
  const late = pair.call("Hold", "a", 1_000);
  const cut = pair.call("Hold", "b", 1_001);
  clock.advance(1_000);
  assert.equal(late.heard.outcome, "overdue, may have arrived");
  assert.equal(pair.door.over, 1, "the server was told that nobody waits");
  void pair.door.door.close(0);
  clock.turn();
  assert.equal(cut.heard.outcome, "lost, may have arrived");
});
