import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { createMembership, encodeMembershipEntry } from "../membership.ts";
import { joined } from "../testing/cluster.ts";
import { command } from "../testing/solo.ts";
import { decodeMessage, type Envelope, encodeMessage, type Message } from "./messages.ts";

const nat = fc.nat({ max: 2 ** 40 });
const u32 = fc.nat({ max: 0xffffffff });
const envelope: fc.Arbitrary<Envelope> = plain({
  epoch: fc.integer({ min: 10, max: 2 ** 50 }),
  incarnation: fc.integer({ min: 1, max: 0xffffffff }),
  priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  untrusted: fc.boolean(),
  stalled: fc.boolean(),
});
const append = fc
  .tuple(u32, fc.nat(1000), nat, fc.array(fc.tuple(fc.nat(3), fc.uint8Array({ maxLength: 20 })), { maxLength: 5 }))
  .map(([session, prevIndex, commit, list]): Message => {
    let epoch = 2;
    const entries = list.map(([step, data], i): Entry => {
      epoch = Math.min(10, epoch + step);
      const kind = data.length === 0 ? EntryKind.noop : EntryKind.command;
      return { epoch, index: prevIndex + i + 1, kind, data };
    });
    return { type: "append", session, prevIndex, prevEpoch: 2, commit, entries };
  });
const message: fc.Arbitrary<Message> = fc.oneof(
  append,
  plain({
    type: fc.constant("appendResponse" as const),
    session: u32,
    ok: fc.boolean(),
    index: nat,
    hintIndex: nat,
    hintEpoch: nat,
    lastIndex: nat,
  }),
  plain({
    type: fc.constant("heartbeat" as const),
    session: u32,
    toIncarnation: u32,
    round: nat,
    sentAt: fc.double({ noNaN: true, noDefaultInfinity: true }),
    commitIndex: nat,
    commitEpoch: nat,
    answer: fc.boolean(),
    trusted: fc.boolean(),
  }),
  plain({
    type: fc.constant("heartbeatResponse" as const),
    session: u32,
    round: nat,
    sentAt: fc.double({ noNaN: true, noDefaultInfinity: true }),
    promiseMs: u32,
  }),
  plain({
    type: fc.constantFrom("preVote" as const, "vote" as const),
    lastIndex: nat,
    lastEpoch: nat,
    transfer: fc.boolean(),
  }),
  plain({ type: fc.constant("preVoteResponse" as const), proposedEpoch: nat, granted: fc.boolean() }),
  plain({ type: fc.constant("voteResponse" as const), granted: fc.boolean() }),
  plain({ type: fc.constant("timeoutNow" as const) }),
  plain({ type: fc.constant("readRequest" as const), token: nat }),
  plain({ type: fc.constant("readResponse" as const), token: nat, index: nat, ok: fc.boolean() }),
);

const some: Envelope = { epoch: 9, incarnation: 1, priority: 0, untrusted: false, stalled: false };

/** fast-check's records have no prototype, decoded objects do. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

describe("messages", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(envelope, message, (e, m) => {
        assert.deepEqual(decodeMessage(joined(encodeMessage(e, m))), { envelope: e, message: m });
      }),
      { numRuns: 400 },
    );
  });

  it("carry the entries' data without copying them, and are read without copying", () => {
    const entries = [
      command(3, 5),
      { epoch: 4, index: 6, kind: EntryKind.noop, data: new Uint8Array(0) },
      command(4, 7),
    ];
    const pieces = encodeMessage(some, { type: "append", session: 1, prevIndex: 4, prevEpoch: 3, commit: 2, entries });
    assert.equal(pieces.length, 3);
    assert.equal(pieces[1], entries[0]?.data);
    assert.equal(pieces[2], entries[2]?.data);
    const bytes = joined(pieces);
    const { message: read } = decodeMessage(bytes);
    assert.ok(read.type === "append" && read.entries[0]?.data.buffer === bytes.buffer);
  });

  it("cut or lengthened anywhere, are a DecodeError", () => {
    fc.assert(
      fc.property(envelope, message, fc.nat(), (e, m, cut) => {
        const bytes = joined(encodeMessage(e, m));
        assert.throws(() => decodeMessage(bytes.subarray(0, cut % bytes.length)), DecodeError);
        assert.throws(() => decodeMessage(new Uint8Array([...bytes, 0])), DecodeError);
      }),
    );
  });

  it("with any byte changed, are read as something or are a DecodeError, nothing else", () => {
    fc.assert(
      fc.property(envelope, message, fc.nat(), fc.nat(255), (e, m, at, value) => {
        const bytes = joined(encodeMessage(e, m));
        bytes[at % bytes.length] = value;
        try {
          decodeMessage(bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  const appendOf = (entries: readonly Entry[], prevEpoch = 2): Uint8Array =>
    joined(encodeMessage(some, { type: "append", session: 1, prevIndex: 4, prevEpoch, commit: 0, entries }));

  it("with entries that no leader could hold, are refused", () => {
    assert.throws(
      () => decodeMessage(appendOf([command(10, 5)])),
      /an entry of epoch 10 after 2, in a message of epoch 9/,
    );
    assert.throws(() => decodeMessage(appendOf([command(5, 5), command(4, 6)])), /an entry of epoch 4 after 5/);
    assert.throws(() => decodeMessage(appendOf([], 10)), /previous entry of epoch 10/);
    const garbage = { ...command(5, 5), kind: EntryKind.membership };
    assert.throws(() => decodeMessage(appendOf([garbage])), DecodeError);
    const data = encodeMembershipEntry({ membership: createMembership([1n]), context: new Uint8Array(0) });
    decodeMessage(appendOf([{ ...garbage, data }]));
  });

  it("that promise more than they hold, are refused before any memory is taken", () => {
    const bytes = appendOf([command(5, 5)]);
    new DataView(bytes.buffer).setUint32(20 + 28, 0xffffffff, true);
    assert.throws(() => decodeMessage(bytes), /4294967295 entries do not fit/);
  });

  it("of another version, type or stance, or from nobody's incarnation, are refused", () => {
    const bytes = joined(encodeMessage(some, { type: "timeoutNow" }));
    const changed = (at: number, value: number): Uint8Array => bytes.map((byte, i) => (i === at ? value : byte));
    assert.throws(() => decodeMessage(changed(0, 2)), /version 2/);
    assert.throws(() => decodeMessage(changed(1, 99)), /message type 99/);
    assert.throws(() => decodeMessage(changed(2, 2)), /unknown flags 2/);
    assert.throws(() => decodeMessage(changed(3, 4)), /unknown stance 4/);
    assert.throws(() => decodeMessage(changed(8, 0)), /incarnation 0/);
    assert.throws(() => decodeMessage(changed(18, 0x11)), /out of reach/);
  });
});
