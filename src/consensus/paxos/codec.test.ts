import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../bytes.ts";
import { EntryKind } from "../engine.ts";
import { createMembership, encodeMembershipEntry } from "../membership.ts";
import { joined } from "../testing/cluster.ts";
import { decodeMessage, encodeMessage } from "./codec.ts";
import type { Envelope, Message } from "./messages.ts";
import { paxosPeek } from "./peek.ts";
import { change, command, noop } from "./testing/paxos-solo.ts";

const envelope: Envelope = { round: 9, incarnation: 5, priority: -3, untrusted: false, stalled: true, phase2: 2 };
const hole = { epoch: 3, index: 7, kind: EntryKind.hole, data: new Uint8Array(0) };
const three = change(4, 8, createMembership([1n, 2n, 3n]));

const messages: readonly Message[] = [
  { type: "accept", session: 2, first: 7, decided: 6, entries: [command(3, 7, "abc"), three, noop(9, 9)] },
  { type: "accept", session: 2, first: 7, decided: 6, entries: [] },
  { type: "accepted", session: 4, held: 99 },
  { type: "heartbeat", session: 1, toIncarnation: 8, beat: 77, sentAt: 1.5, decided: 12, answer: true, trusted: true },
  { type: "heartbeatResponse", session: 1, beat: 77, sentAt: 1.5, promiseMs: 1000, held: 12, resumes: 15 },
  { type: "survey", first: 13 },
  { type: "surveyResponse", asked: 10, granted: true },
  { type: "prepare", first: 13, transfer: true },
  {
    type: "promise",
    first: 5,
    decided: 6,
    reply: 3,
    part: 1,
    parts: 2,
    from: 6,
    slots: [
      { entry: command(3, 6), round: 0 },
      { entry: hole, round: 0 },
      { entry: three, round: 8 },
    ],
  },
  { type: "nack", asked: 9 },
  { type: "timeoutNow" },
  { type: "readRequest", token: 2 ** 50 },
  { type: "readResponse", token: 3, index: 12, ok: false },
];

function bytesOf(message: Message, of: Partial<Envelope> = {}): Uint8Array {
  return joined(encodeMessage({ ...envelope, ...of }, message));
}

describe("Paxos's messages", () => {
  it("come back as they were sent", () => {
    for (const message of messages) assert.deepEqual(decodeMessage(bytesOf(message)), { envelope, message });
  });

  it("do not copy data", () => {
    const entry = command(3, 7, "a long value");
    const pieces = encodeMessage(envelope, { type: "accept", session: 1, first: 7, decided: 0, entries: [entry] });
    assert.equal(pieces[1], entry.data);
  });

  it("are dropped when they are cut, longer, or anything else", () => {
    for (const message of messages) {
      const bytes = bytesOf(message);
      for (let size = 0; size < bytes.length; size++) {
        assert.throws(() => decodeMessage(bytes.subarray(0, size)), DecodeError, `${message.type} cut at ${size}`);
      }
      assert.throws(() => decodeMessage(joined([bytes, new Uint8Array(1)])), DecodeError);
    }
    fc.assert(
      fc.property(fc.constantFrom(...messages), fc.nat(), fc.nat({ max: 255 }), (message, at, value) => {
        const bytes = bytesOf(message);
        bytes[at % bytes.length] = value;
        try {
          decodeMessage(bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        assert.throws(() => decodeMessage(bytes), DecodeError);
      }),
    );
  });

  it("that no sound engine sends are refused, in words", () => {
    const joint = { voters: [1n], outgoing: [2n], learners: [], learnersNext: [] };
    const jointEntry = {
      ...three,
      data: encodeMembershipEntry({ membership: joint, context: new Uint8Array(0) }),
    };
    const accept = { type: "accept", session: 1, first: 7, decided: 0 } as const;
    const promise = { type: "promise", first: 5, decided: 6, reply: 1, part: 0, parts: 1, from: 5 } as const;
    const wrong: [Message, RegExp][] = [
      [{ ...accept, entries: [command(4, 7), command(3, 8)] }, /epoch 3 after 4/],
      [{ ...accept, entries: [command(10, 7)] }, /epoch 10 after 0, in a message of round 9/],
      [{ ...accept, entries: [hole] }, /unknown entry kind 4/],
      [{ ...accept, first: 8, entries: [jointEntry] }, /a joint membership in slot 8/],
      [{ ...accept, first: 0, entries: [] }, /slot 0/],
      [{ ...promise, part: 1, slots: [] }, /part 1 of 1/],
      [{ ...promise, from: 4, slots: [] }, /slots from 4 on, 5 asked/],
      [{ ...promise, from: 7, slots: [{ entry: command(3, 7), round: 9 }] }, /accepted in 9, promised to round 9/],
      [{ ...promise, from: 7, slots: [{ entry: command(3, 7), round: 0 }] }, /slot 7 of kind 1 .* round 0/],
      [{ ...promise, from: 7, slots: [{ entry: hole, round: 2 }] }, /slot 7 of kind 4 .* round 2/],
      [{ ...promise, from: 6, slots: [{ entry: { ...hole, index: 6 }, round: 0 }] }, /slot 6 of kind 4/],
    ];
    for (const [message, words] of wrong) {
      assert.throws(() => decodeMessage(bytesOf(message)), words);
    }
    assert.throws(() => decodeMessage(bytesOf(messages[0] as Message, { incarnation: 0 })), /incarnation 0/);
    assert.throws(() => decodeMessage(bytesOf(messages[0] as Message, { round: 2 ** 53 - 1 })), /out of reach/);
  });

  it("can be peeked at", () => {
    const peek = (message: Message): object => {
      const { type, epoch, ...rest } = paxosPeek.message(bytesOf(message)) ?? { type: "", epoch: 0 };
      assert.deepEqual([type, epoch], [message.type, 9]);
      return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== 0));
    };
    assert.deepEqual(messages.map(peek), [
      { lastEntry: 9 },
      { lastEntry: 6 },
      { holds: 99 },
      {},
      { promiseMs: 1000 },
      {},
      {},
      { vote: "sender" },
      { vote: "receiver" },
      {},
      {},
      {},
      {},
    ]);
    assert.equal(paxosPeek.message(new Uint8Array(3)), null);
    assert.equal(paxosPeek.state(new Uint8Array(3)), null);
  });
});
