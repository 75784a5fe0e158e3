import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { createMembership, encodeMembershipEntry } from "../membership.ts";
import { joined } from "../testing/cluster.ts";
import { decodeMessage, type Envelope, encodeMessage, type Message } from "./messages.ts";
import { command } from "./testing/solo.ts";

const nat = fc.nat({ max: 2 ** 40 });
const u32 = fc.nat({ max: 0xffffffff });
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const id = fc.bigInt(0n, 2n ** 64n - 1n);
const time = fc.double({ noNaN: true, noDefaultInfinity: true });
const position = plain({ index: nat, epoch: nat });
const history = plain({ epoch: nat, last: position });
const envelope: fc.Arbitrary<Envelope> = plain({
  epoch: fc.integer({ min: 10, max: 2 ** 50 }),
  incarnation: fc.integer({ min: 1, max: 0xffffffff }),
  priority: i32,
  untrusted: fc.boolean(),
  stalled: fc.boolean(),
  leads: fc.boolean(),
});
const propose = fc
  .record({
    session: u32,
    toIncarnation: u32,
    counter: nat,
    prevIndex: fc.nat(1000),
    commit: nat,
    newLeader: fc.boolean(),
    list: fc.array(fc.tuple(fc.nat(3), fc.uint8Array({ maxLength: 20 })), { maxLength: 5 }),
  })
  .map(({ list, ...rest }): Message => {
    let epoch = 2;
    const entries = list.map(([step, data], i): Entry => {
      epoch = Math.min(10, epoch + step);
      const kind = data.length === 0 ? EntryKind.noop : EntryKind.command;
      return { epoch, index: rest.prevIndex + i + 1, kind, data };
    });
    return { type: "propose", ...rest, prevEpoch: 2, entries };
  });
const message: fc.Arbitrary<Message> = fc.oneof(
  propose,
  plain({
    type: fc.constant("notification" as const),
    round: nat,
    vote: plain({ leader: id, history, priority: i32 }),
    settled: fc.boolean(),
  }),
  plain({ type: fc.constant("followerInfo" as const), session: u32, refuses: fc.boolean() }),
  plain({ type: fc.constant("leaderInfo" as const), session: u32, transfer: fc.boolean() }),
  plain({ type: fc.constant("ackEpoch" as const), session: u32, history, counts: fc.boolean() }),
  plain({ type: fc.constant("ack" as const), session: u32, ok: fc.boolean(), adopted: fc.boolean(), position }),
  plain({
    type: fc.constant("ping" as const),
    session: u32,
    toIncarnation: u32,
    round: nat,
    sentAt: time,
    commitIndex: nat,
    commitEpoch: nat,
    expect: nat,
    answer: fc.boolean(),
    trusted: fc.boolean(),
  }),
  plain({ type: fc.constant("pong" as const), session: u32, round: nat, sentAt: time, promiseMs: u32 }),
  plain({ type: fc.constant("handOver" as const) }),
  plain({ type: fc.constant("readRequest" as const), token: nat }),
  plain({ type: fc.constant("readResponse" as const), token: nat, index: nat, ok: fc.boolean() }),
);

const some: Envelope = { epoch: 9, incarnation: 1, priority: 0, untrusted: false, stalled: false, leads: true };
const stream = { session: 1, toIncarnation: 2, counter: 3, commit: 0, newLeader: false } as const;

/** fast-check's records have no prototype, decoded objects do. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

describe("messages", () => {
  it("come back as they were sent, whatever they say", () => {
    fc.assert(
      fc.property(envelope, message, (head, body) => {
        assert.deepEqual(decodeMessage(joined(encodeMessage(head, body))), { envelope: head, message: body });
      }),
    );
  });

  it("carry entries' data without copying it", () => {
    const entry = command(2, 2, "as it is");
    const pieces = encodeMessage(some, { type: "propose", ...stream, prevIndex: 1, prevEpoch: 1, entries: [entry] });
    assert.equal(pieces[1], entry.data);
  });

  it("are refused when they are none, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
    );
  });

  it("are refused when cut, lengthened or bent", () => {
    fc.assert(
      fc.property(envelope, message, fc.nat(), fc.nat(255), (head, body, at, value) => {
        const bytes = joined(encodeMessage(head, body));
        assert.throws(() => decodeMessage(bytes.subarray(0, at % bytes.length)), DecodeError);
        assert.throws(() => decodeMessage(new Uint8Array([...bytes, 0])), DecodeError);
        const bent = Uint8Array.from(bytes, (byte, i) => (i === at % bytes.length ? value : byte));
        try {
          decodeMessage(bent);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
    );
  });

  it("are refused where a sound engine would not have sent them", () => {
    const base = { type: "propose", ...stream, prevIndex: 1, prevEpoch: 3 } as const;
    const refused = (entries: readonly Entry[], pattern: RegExp, head: Partial<Envelope> = {}): void => {
      const bytes = joined(encodeMessage({ ...some, ...head }, { ...base, entries }));
      assert.throws(() => decodeMessage(bytes), pattern);
    };
    refused([command(2, 2)], /an entry of epoch 2 after 3/);
    refused([command(4, 2), command(3, 3)], /an entry of epoch 3 after 4/);
    refused([command(10, 2)], /in a message of epoch 9/);
    refused([], /previous entry of epoch 3 in a message of epoch 2/, { epoch: 2 });
    refused([], /incarnation 0/, { incarnation: 0 });
    refused([], /epoch 9007199254740991 is out of reach/, { epoch: Number.MAX_SAFE_INTEGER });
    refused([{ ...command(3, 2), kind: EntryKind.membership }], /./);
    const membership = encodeMembershipEntry({ membership: createMembership([1n]), context: new Uint8Array(0) });
    const good = encodeMessage(some, { ...base, entries: [{ epoch: 3, index: 2, kind: 2, data: membership }] });
    assert.equal(decodeMessage(joined(good)).message.type, "propose");
    const pong = joined(encodeMessage(some, { type: "pong", session: 1, round: 1, sentAt: 0, promiseMs: 0 }));
    pong[2] = 1;
    assert.throws(() => decodeMessage(pong), /unknown flags 1/);
    pong[1] = 77;
    assert.throws(() => decodeMessage(pong), /unknown message type 77/);
  });
});
