import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PeekedMessage } from "../peek.ts";
import { command } from "../testing/solo.ts";
import { encodeHardState, noHardState } from "./hard-state.ts";
import { encodeMessage, type Message } from "./messages.ts";
import { raftPeek } from "./peek.ts";

const epoch = 2 ** 40 + 3;
const head = (message: Message): Uint8Array =>
  encodeMessage({ epoch, incarnation: 9, priority: -1, untrusted: true, stalled: false }, message)[0] as Uint8Array;
const nothing = { vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 } as const;
const far = 2 ** 45 + 7;

describe("peeking into Raft", () => {
  it("finds what a message says about its sender's disk, in its first piece", () => {
    const cases: [Message, Partial<PeekedMessage>][] = [
      [{ type: "voteResponse", granted: true }, { vote: "receiver" }],
      [{ type: "voteResponse", granted: false }, {}],
      [
        { type: "vote", lastIndex: far, lastEpoch: 5, transfer: true },
        { vote: "sender", holds: far, holdsEpoch: 5 },
      ],
      [{ type: "preVote", lastIndex: far, lastEpoch: 5, transfer: false }, {}],
      [{ type: "preVoteResponse", proposedEpoch: 4, granted: true }, {}],
      [
        { type: "appendResponse", session: 1, ok: true, index: far, hintIndex: 0, hintEpoch: 0, lastIndex: 9 },
        { holds: far },
      ],
      [{ type: "appendResponse", session: 1, ok: false, index: far, hintIndex: 0, hintEpoch: 0, lastIndex: 9 }, {}],
      [
        {
          type: "append",
          session: 1,
          prevIndex: far,
          prevEpoch: 1,
          commit: 1,
          entries: [command(2, 8), command(2, 9)],
        },
        { lastEntry: far + 2 },
      ],
      [{ type: "heartbeatResponse", session: 1, round: 2, sentAt: 0.5, promiseMs: 900 }, { promiseMs: 900 }],
      [{ type: "timeoutNow" }, {}],
    ];
    for (const [message, said] of cases) {
      assert.deepEqual(raftPeek.message(head(message)), { ...nothing, type: message.type, epoch, ...said });
    }
  });

  it("finds epoch, vote and promise in a state", () => {
    const state = { ...noHardState, epoch, vote: 3n, promiseMs: 8 };
    assert.deepEqual(raftPeek.state(encodeHardState(state)), state);
  });

  it("takes other bytes for none of Raft's, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        raftPeek.state(bytes);
        const found = raftPeek.message(bytes);
        assert.ok(found === null || bytes.length >= 20);
      }),
    );
    const vote = head({ type: "vote", lastIndex: 1, lastEpoch: 1, transfer: false });
    assert.equal(raftPeek.message(vote.subarray(0, vote.length - 1)), null);
    assert.equal(raftPeek.state(new Uint8Array(3)), null);
  });
});
