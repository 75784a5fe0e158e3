import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PeekedMessage } from "../peek.ts";
import { encodeHardState, noHardState } from "./hard-state.ts";
import { type Envelope, encodeMessage, type Message } from "./messages.ts";
import { zabPeek } from "./peek.ts";
import { command } from "./testing/solo.ts";

const epoch = 2 ** 40 + 3;
const envelope: Envelope = { epoch, incarnation: 9, priority: -1, untrusted: true, stalled: false, leads: false };
const head = (message: Message, leads = false): Uint8Array =>
  encodeMessage({ ...envelope, leads }, message)[0] as Uint8Array;
const nothing = { vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 } as const;
const far = 2 ** 45 + 7;

describe("peeking into Zab", () => {
  it("finds what a message says about its sender's disk, in its first piece", () => {
    const history = { epoch: 4, last: { epoch: 3, index: far } };
    const position = { index: far, epoch: 0 };
    const stream = { session: 1, toIncarnation: 2, counter: 3, prevEpoch: 1, commit: 1, newLeader: true };
    const cases: [Message, Partial<PeekedMessage>][] = [
      [
        { type: "ackEpoch", session: 1, history, counts: true },
        { vote: "receiver", holds: far, holdsEpoch: 3 },
      ],
      [
        { type: "ackEpoch", session: 1, history, counts: false },
        { holds: far, holdsEpoch: 3 },
      ],
      [{ type: "leaderInfo", session: 1, transfer: true }, { vote: "sender" }],
      [{ type: "propose", ...stream, prevIndex: far, entries: [command(2, 8), command(2, 9)] }, { lastEntry: far + 2 }],
      [{ type: "ack", session: 1, ok: true, adopted: true, position }, { holds: far }],
      [{ type: "ack", session: 1, ok: false, adopted: false, position }, {}],
      [{ type: "pong", session: 1, round: 2, sentAt: 0.5, promiseMs: 900 }, { promiseMs: 900 }],
      [{ type: "handOver" }, {}],
    ];
    for (const [message, said] of cases) {
      assert.deepEqual(zabPeek.message(head(message)), { ...nothing, type: message.type, epoch, ...said });
    }
    assert.equal(zabPeek.message(head({ type: "leaderInfo", session: 1, transfer: false }, true))?.vote, null);
  });

  it("finds accepted epoch, from whom, and promise in a state", () => {
    const state = { ...noHardState, acceptedEpoch: epoch, acceptedFrom: 3n, currentEpoch: 2, promiseMs: 8 };
    assert.deepEqual(zabPeek.state(encodeHardState(state)), { epoch, vote: 3n, promiseMs: 8 });
  });

  it("takes other bytes for none of Zab's, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        zabPeek.state(bytes);
        const found = zabPeek.message(bytes);
        assert.ok(found === null || bytes.length >= 20);
      }),
    );
    const pong = head({ type: "pong", session: 1, round: 1, sentAt: 0, promiseMs: 0 });
    assert.equal(zabPeek.message(pong.subarray(0, pong.length - 1)), null);
    assert.equal(zabPeek.state(new Uint8Array(3)), null);
  });
});
