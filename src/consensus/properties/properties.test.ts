/** Each property holds in the life of a sound group (the swarms show it), and is seen to be violated where it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry, PeerProgress } from "../engine.ts";
import { createMembership } from "../membership.ts";
import { founders, hardState, noop, snapshotAt, Theatre, violates } from "../testing/puppets.ts";
import { command, membershipEntry } from "../testing/solo.ts";

/** A group of one. */
function alone(): Theatre {
  const t = new Theatre([]);
  t.start(1n, { snapshot: snapshotAt(1, 1, createMembership([1n])), state: hardState({ epoch: 1 }) });
  return t;
}

describe("the properties", () => {
  it("have each a name and a source", () => {
    const { all } = new Theatre().properties;
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    assert.ok(all.every(({ name, source }) => name.length > 0 && source.length > 0));
  });

  it("keep the violation, whoever catches it, and look at nothing after it", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    assert.throws(() => t.lead(2n, 2));
    assert.equal(t.properties.violation?.property, "election safety");
    assert.deepEqual(t.properties.violation?.facts["other"], 1n);
    t.lead(3n, 2);
  });

  it("are told of one life of a member at a time", () => {
    const t = new Theatre();
    assert.throws(() => t.properties.stepped(1n, 7, { type: "tick" }, 0), /life 7 of member 1/);
  });
});

describe("election safety", () => {
  it("two members lead an epoch", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.lead(2n, 3);
    violates("election safety", /member 3 leads epoch 2, which member 1 has led/, () => t.lead(3n, 2));
  });

  it("a member leads an epoch again in a later life", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.start(1n, { entries: [...t.puppet(1n).log], state: hardState({ epoch: 2, vote: 1n }) }, { epoch: 2 });
    violates("election safety", /again/, () => t.lead(1n, 2));
  });
});

describe("elected by a quorum", () => {
  it("a leader has too few votes on disk", () => {
    const t = new Theatre();
    violates("elected by a quorum", /epoch 2, for which 1 voted on disk: no quorum of voters 1,2,3/, () =>
      t.lead(1n, 2, [1n]),
    );
  });

  it("votes for another, or in another epoch, do not count", () => {
    const t = new Theatre();
    t.vote(2n, 2, 2n);
    t.vote(3n, 1, 1n);
    violates("elected by a quorum", /for which 1 voted/, () => t.lead(1n, 2, [1n]));
  });

  it("a vote counts though its disk is lost afterwards", () => {
    const t = new Theatre();
    t.vote(2n, 2, 1n);
    t.properties.lost(2n);
    t.start(2n, {}, { commit: 0, epoch: 0 });
    t.lead(1n, 2, [1n]);
  });
});

describe("a leader hears a quorum", () => {
  const hello = { type: "voteResponse", granted: false } as const;

  it("it hears nobody and goes on", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.wait(1n, 4_000);
    violates("a leader hears a quorum", /still leads epoch 2, having heard no quorum for \d+ ms/, () =>
      t.wait(1n, 1_200),
    );
  });

  it("two of four are none", () => {
    const t = new Theatre();
    t.step(1n, { membership: createMembership([1n, 2n, 3n, 4n]) });
    t.lead(1n, 2);
    const listen = (from: readonly bigint[]): void => {
      for (let i = 0; i < 20; i++) {
        for (const id of from) t.tell(id, 1n, 2, hello);
        t.wait(1n, 500);
      }
    };
    listen([2n, 3n]);
    violates("a leader hears a quorum", /heard no quorum/, () => listen([3n]));
  });

  it("while it stands still no time passes for it", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.now += 100_000;
    t.wait(1n, 3_500);
  });
});

describe("a hand-over ends", () => {
  it("one that lasts", () => {
    const t = alone();
    t.lead(1n, 2);
    t.step(1n, { transferee: 2n });
    t.wait(1n, 3_000);
    t.step(1n, { transferee: 3n });
    t.wait(1n, 3_000);
    violates("a hand-over ends", /hands epoch 2 to 3 for \d+ ms/, () => t.wait(1n, 1_500));
  });
});

describe("a leader with a stalled disk resigns", () => {
  it("a write does not end, and it leads on", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.write(1n, [noop(2, 2)]);
    violates("a leader with a stalled disk resigns", /has not finished write 2 for \d+ ms/, () => {
      for (let i = 0; i < 20; i++) {
        t.tell(3n, 1n, 2, { type: "voteResponse", granted: false });
        t.wait(1n, 500);
      }
    });
  });

  it("nobody else could work without it", () => {
    const t = alone();
    t.lead(1n, 2);
    t.write(1n, [noop(2, 2)]);
    t.wait(1n, 20_000);
  });
});

describe("a snapshot on its way was asked for", () => {
  const peer: PeerProgress = {
    learner: false,
    state: "snapshot",
    match: 0,
    next: 1,
    inflightMessages: 0,
    inflightBytes: 0,
    active: true,
    lostData: false,
    untrusted: false,
  };
  const peers = new Map([[2n, peer]]);

  it("one has failed, and the leader waits on", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.step(1n, { peers });
    t.drain(1n, { sendSnapshot: [{ to: 2n, index: 1 }] });
    t.step(1n, {}, { type: "snapshotSent", to: 2n, index: 1, ok: false });
    violates("a snapshot on its way was asked for", /waits for a snapshot to reach 2/, () => t.drain(1n, {}));
  });

  it("it may be asked for again at once", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.step(1n, { peers });
    t.drain(1n, { sendSnapshot: [{ to: 2n, index: 1 }] });
    t.step(1n, {}, { type: "snapshotSent", to: 2n, index: 1, ok: false });
    t.drain(1n, { sendSnapshot: [{ to: 2n, index: 1 }] });
  });
});

describe("leader append-only", () => {
  it("a leader drops entries", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.store(1n, [command(2, 2), command(2, 3)]);
    violates("leader append-only", /ends at 2, it ended at 3/, () => t.step(1n, { lastIndex: 2 }));
  });

  it("a leader writes over its log", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.store(1n, [command(2, 2)]);
    violates("leader append-only", /drops entries from 2 on/, () => t.write(1n, [command(2, 2)], { truncateFrom: 2 }));
  });

  it("a leader of one epoch may have dropped them before it was elected", () => {
    const t = new Theatre();
    t.store(1n, [command(1, 2, "a")]);
    t.write(1n, [], { truncateFrom: 2 });
    t.lead(1n, 2);
  });
});

describe("log matching", () => {
  it("two entries of one epoch and index differ", () => {
    const t = new Theatre();
    t.write(1n, [command(2, 2, "x")]);
    t.write(2n, [command(2, 2, "x")]);
    violates("log matching", /another entry 2 of epoch 2/, () => t.write(3n, [command(2, 2, "y")]));
  });

  it("they are equal behind different entries", () => {
    const t = new Theatre();
    t.write(1n, [command(2, 2), command(3, 3)]);
    t.write(2n, [command(1, 2)]);
    violates("log matching", /another entry 3 of epoch 3/, () => t.write(2n, [command(3, 3)]));
  });

  it("a log has a gap", () => {
    const t = new Theatre();
    violates("log matching", /writes entry 3 behind 1/, () => t.write(1n, [command(1, 3)]));
  });
});

describe("leader completeness", () => {
  it("a leader is elected without a committed entry", () => {
    const t = new Theatre([1n, 2n]);
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2), command(2, 3)]);
    t.start(3n, { state: hardState({ epoch: 1 }) }, { epoch: 1 });
    violates("leader completeness", /without entry 3 of epoch 2/, () => t.lead(3n, 3));
  });

  it("an old leader commits what a newer one lacks", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    for (const id of [1n, 2n]) t.store(id, [noop(2, 2)]);
    t.lead(3n, 3);
    violates("leader completeness", /member 3 leads epoch 3 without entry 2/, () => t.step(1n, { commit: 2 }));
  });

  it("who wins an old epoch late may lack what a newer leader committed", () => {
    const t = new Theatre();
    for (const id of [2n, 3n]) t.vote(id, 2, 2n);
    t.lead(1n, 3, [1n, 3n]);
    for (const id of [1n, 3n]) t.store(id, [noop(3, 2)]);
    t.step(1n, { commit: 2 });
    t.lead(2n, 2);
  });
});

describe("the commit rule", () => {
  it("no quorum has reported the entry durable", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.store(1n, [noop(2, 2)]);
    t.write(2n, [noop(2, 2)]);
    violates("commit rule", /acknowledged by 1: no quorum of voters 1,2,3/, () => t.step(1n, { commit: 2 }));
  });

  it("the disks do not have what they reported", () => {
    const t = new Theatre();
    t.properties.diskTruth = (id) => id === 1n;
    t.lead(1n, 2);
    violates("commit rule", /on the disks of 1: no quorum/, () => t.commit(1n, [noop(2, 2)]));
  });

  it("an old entry is committed by counting", () => {
    const t = new Theatre();
    for (const id of [1n, 2n, 3n]) t.store(id, [command(1, 2)]);
    t.lead(1n, 2);
    violates("commit rule", /leads epoch 2 and commits entry 2 of epoch 1/, () => t.step(1n, { commit: 2 }));
  });

  it("a follower commits first", () => {
    const t = new Theatre();
    for (const id of [1n, 2n, 3n]) t.store(id, [command(1, 2)]);
    violates("commit rule", /no leader has committed/, () => t.step(2n, { commit: 2 }));
  });

  it("a start knows of commits that were never made", () => {
    const t = new Theatre();
    t.store(1n, [command(1, 2)]);
    const entries = [...t.puppet(1n).log];
    violates("commit rule", /only 1 was ever/, () =>
      t.start(1n, { entries, state: hardState({ epoch: 1 }) }, { commit: 2 }),
    );
  });

  it("counts what a member held when it said so, though a fault has taken it since", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.store(1n, [noop(2, 2)]);
    t.store(2n, [noop(2, 2)], { state: hardState({ epoch: 2 }) });
    t.properties.lost(2n);
    t.start(2n, {}, { commit: 0, epoch: 0 });
    t.step(1n, { commit: 2 });
  });
});

describe("state machine safety", () => {
  it("a member commits another entry than others", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    for (const id of [1n, 2n]) t.store(id, [noop(2, 2)]);
    t.step(1n, { commit: 2 });
    t.store(3n, [command(1, 2)]);
    violates("state machine safety", /was committed with epoch 2/, () => t.step(3n, { commit: 2 }));
  });

  it("bytes change between commit and giving out", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    for (const id of t.puppets.keys()) t.store(id, [command(2, 2, "a")]);
    t.step(1n, { commit: 2 });
    violates("state machine safety", /another entry 2/, () => t.drain(1n, { committed: [command(2, 2, "b")] }));
  });

  it("an entry is left out, or comes twice", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2), command(2, 3)]);
    t.step(2n, { commit: 3 });
    const [, , third] = t.puppet(2n).log;
    violates("state machine safety", /gives out entry 3 behind 1/, () => t.drain(2n, { committed: [third as Entry] }));
  });

  it("a snapshot is installed over a newer state", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2)]);
    violates("state machine safety", /having given out 2/, () => t.drain(1n, { installSnapshot: snapshotAt(2, 2) }));
  });

  it("two states differ after the same entries", () => {
    const t = new Theatre();
    t.properties.applied(1n, 1, "a");
    violates("state machine safety", /another state after entry 1/, () => t.properties.applied(2n, 1, "b"));
  });

  it("more is applied than was given out", () => {
    const t = new Theatre();
    violates("state machine safety", /applied 2, but only 1/, () => t.properties.applied(1n, 2, "a"));
  });
});

describe("committed entries stay", () => {
  it("a member drops what it knows to be committed", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2)]);
    t.step(2n, { commit: 2 });
    t.drain(2n, {});
    violates("committed entries stay", /knew that 2 is committed/, () =>
      t.write(2n, [command(3, 2)], { truncateFrom: 2 }),
    );
  });

  it("or does not know", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2)]);
    violates("committed entries stay", /drops entry 2 of epoch 2/, () => t.write(2n, [], { truncateFrom: 2 }));
  });
});

describe("one vote an epoch", () => {
  it("a member votes twice, in one life or in two", () => {
    const t = new Theatre();
    const state = hardState({ epoch: 2, vote: 1n });
    t.store(3n, [], { state });
    t.tell(3n, 1n, 2, { type: "voteResponse", granted: true });
    t.start(3n, { entries: [...t.puppet(3n).log], state }, { epoch: 2 });
    const message = t.message(2n, 2, { type: "voteResponse", granted: true });
    violates("one vote an epoch", /votes for 2 in epoch 2, in which it voted for 1/, () =>
      t.properties.sent(3n, message),
    );
  });
});

describe("what only grows", () => {
  it("an epoch goes back in memory, on disk, or at a start", () => {
    const t = new Theatre();
    t.step(1n, { epoch: 5 });
    violates("epochs only grow", /from epoch 5 back to 4/, () => t.step(1n, { epoch: 4 }));
    const u = new Theatre();
    u.write(1n, [], { state: hardState({ epoch: 5 }) });
    violates("epochs only grow", /writes epoch 4 over 5/, () => u.write(1n, [], { state: hardState({ epoch: 4 }) }));
    const v = new Theatre();
    v.store(1n, [], { state: hardState({ epoch: 5 }) });
    const start = { entries: [...v.puppet(1n).log], state: hardState({ epoch: 5 }) };
    violates("epochs only grow", /starts in epoch 4, its disk says 5/, () => v.start(1n, start, { epoch: 4 }));
  });

  it("a commit index goes back, or beyond the log", () => {
    const t = new Theatre();
    violates("commit only grows", /from 1 back to 0/, () => t.step(1n, { commit: 0 }));
    const u = new Theatre();
    violates("commit only grows", /its log ends at 0/, () => u.step(1n, { lastIndex: 0 }));
  });
});

describe("fresh reads", () => {
  const read = { type: "read", id: 7 } as const;

  it("a read misses what was committed when it was asked", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2)]);
    t.step(2n, {}, read);
    violates("fresh reads", /state at 1; 2 was committed/, () => t.drain(2n, { reads: [{ id: 7, index: 1 }] }));
  });

  it("a leader answers that had been replaced", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.lead(2n, 3);
    t.step(1n, {}, read);
    violates("fresh reads", /leader of 2; epoch 3 had one/, () => t.drain(1n, { reads: [{ id: 7, index: 1 }] }));
  });

  it("a leader may answer what was asked before it was replaced", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.step(1n, {}, read);
    t.lead(2n, 3);
    t.drain(1n, { reads: [{ id: 7, index: 1 }] });
    violates("fresh reads", /nobody waits/, () => t.drain(1n, { reads: [{ id: 7, index: 1 }] }));
  });
});

describe("configuration safety", () => {
  const four = createMembership([1n, 2n, 3n, 4n]);

  it("a leader changes the membership before its own first entry is committed", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.puppet(1n).log.push(noop(2, 2), membershipEntry(2, 3, four));
    violates("configuration safety", /before it has committed an entry of its epoch 2/, () =>
      t.step(1n, { lastIndex: 3, membership: four }),
    );
  });

  it("a leader changes it twice at once", () => {
    const t = new Theatre();
    t.lead(1n, 2);
    t.commit(1n, [noop(2, 2)]);
    const five = createMembership([1n, 2n, 3n, 4n, 5n]);
    t.puppet(1n).log.push(membershipEntry(2, 3, four));
    t.step(1n, { lastIndex: 3, membership: four });
    t.puppet(1n).log.push(membershipEntry(2, 4, five));
    violates("configuration safety", /at 4 before its change at 3 is committed/, () =>
      t.step(1n, { lastIndex: 4, membership: five }),
    );
  });

  it("the quorums of two memberships share nobody", () => {
    const t = new Theatre();
    violates("configuration safety", /from voters 1,2,3 to voters 4,5,6/, () =>
      t.write(2n, [membershipEntry(2, 2, createMembership([4n, 5n, 6n]))]),
    );
  });

  it("a member goes by a change that was dropped from its log", () => {
    const t = new Theatre();
    t.write(2n, [membershipEntry(2, 2, four)]);
    t.step(2n, { membership: four });
    violates("configuration safety", /goes by voters 1,2,3,4, which is not in its log/, () =>
      t.write(2n, [noop(3, 2)], { truncateFrom: 2 }),
    );
  });

  it("a dropped change does not count", () => {
    const t = new Theatre();
    t.write(2n, [membershipEntry(2, 2, four)]);
    t.write(2n, [membershipEntry(3, 2, createMembership([1n, 2n]))], { truncateFrom: 2 });
  });
});

describe("snapshots are committed state", () => {
  it("one stands for an entry that is not committed", () => {
    const t = new Theatre();
    t.store(1n, [command(1, 2)]);
    violates("snapshots are committed state", /only 1 is committed/, () =>
      t.step(1n, {}, { type: "compact", snapshot: snapshotAt(2, 1), upTo: 2 }),
    );
  });

  it("one has another epoch, or another membership", () => {
    const t = new Theatre();
    violates("snapshots are committed state", /epoch 1 is committed there/, () =>
      t.step(1n, {}, { type: "snapshotReceived", from: 2n, snapshot: snapshotAt(1, 2) }),
    );
    const u = new Theatre();
    violates("snapshots are committed state", /the membership there is voters 1,2,3/, () =>
      u.step(1n, {}, { type: "snapshotReceived", from: 2n, snapshot: snapshotAt(1, 1, createMembership([1n])) }),
    );
  });

  it("a group may be founded from one", () => {
    const t = new Theatre([]);
    t.start(1n, { snapshot: snapshotAt(100, 7), state: hardState({ epoch: 7 }) });
    t.start(2n, { snapshot: snapshotAt(100, 7), state: hardState({ epoch: 7 }) });
    assert.equal(t.properties.committed.last, 100);
    assert.equal(t.properties.committed.membershipAt(100), founders);
  });
});
