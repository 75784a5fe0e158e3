import { describe, it } from "node:test";
import { hardState, noop, Theatre, violates } from "../testing/puppets.ts";
import { command } from "../testing/solo.ts";

const response = { session: 1, hintIndex: 0, hintEpoch: 0, lastIndex: 9 };
describe("durable before said", () => {
  it("a vote is not on disk", () => {
    const t = new Theatre();
    t.write(3n, [], { state: hardState({ epoch: 2, vote: 1n }) });
    violates("durable before said", /voted for 1 in epoch 2, its disk does not/, () =>
      t.tell(3n, 1n, 2, { type: "voteResponse", granted: true }),
    );
  });

  it("a candidate's own vote, or the log it stands with, is not on disk", () => {
    const ask = { type: "vote", lastIndex: 2, lastEpoch: 1, transfer: false } as const;
    const t = new Theatre();
    violates("durable before said", /voted for 1 in epoch 2/, () => t.properties.sent(1n, t.message(2n, 2, ask)));
    const u = new Theatre();
    u.store(1n, [], { state: hardState({ epoch: 2, vote: 1n }) });
    u.write(1n, [command(1, 2)]);
    violates("durable before said", /holds entry 2, its disk ends at 1/, () =>
      u.properties.sent(1n, u.message(2n, 2, ask)),
    );
    const v = new Theatre();
    v.store(1n, [command(1, 2)], { state: hardState({ epoch: 2, vote: 1n }) });
    v.store(1n, [], { truncateFrom: 2 });
    v.properties.sent(1n, v.message(2n, 2, ask));
  });

  it("acknowledged entries are not on disk, or others are", () => {
    const t = new Theatre();
    t.write(2n, [command(1, 2)]);
    violates("durable before said", /holds entry 2, its disk ends at 1/, () =>
      t.tell(2n, 1n, 1, { ...response, type: "appendResponse", ok: true, index: 2 }),
    );
    const u = new Theatre();
    u.lead(1n, 2);
    u.store(1n, [noop(2, 2)]);
    u.store(2n, [command(1, 2)]);
    violates("durable before said", /holds entry 2/, () =>
      u.tell(2n, 1n, 2, { ...response, type: "appendResponse", ok: true, index: 2 }),
    );
  });

  it("what it said of entries holds although a write that was under way in a crash dropped them since", () => {
    const state = hardState({ epoch: 2, vote: 2n });
    const said = { type: "vote", lastIndex: 3, lastEpoch: 1, transfer: false } as const;
    // The crash comes when entry 3 is being dropped, or before it was written at all.
    const reborn = (had: boolean): Theatre => {
      const t = new Theatre();
      t.store(2n, had ? [command(1, 2), command(1, 3)] : [command(1, 2)], { state });
      if (had) t.write(2n, [], { truncateFrom: 3 });
      else t.write(2n, [command(1, 3)]);
      t.start(2n, { entries: t.puppet(2n).log.slice(0, 2), state }, { epoch: 2 });
      return t;
    };
    reborn(true).tell(2n, 1n, 2, said);
    violates("durable before said", /holds entry 3, its disk ends at 2/, () => reborn(false).tell(2n, 1n, 2, said));
  });

  it("a promise would not outlive a restart", () => {
    const t = new Theatre();
    const answer = { type: "heartbeatResponse", session: 1, round: 1, sentAt: 0, promiseMs: 500 } as const;
    t.store(2n, [], { state: hardState({ epoch: 1, promiseMs: 499 }) });
    violates("durable before said", /promises 1 500 ms/, () => t.tell(2n, 1n, 1, answer));
  });

  it("a message leaves before its write, or after the life it is of", () => {
    const t = new Theatre();
    const message = t.message(1n, 1, { type: "timeoutNow" }, 1);
    t.write(2n, [command(1, 2)]);
    t.drain(2n, { messages: [message] });
    violates("durable before said", /waits for write 1: 0 is durable/, () => t.properties.sent(2n, message));
    const u = new Theatre();
    u.write(2n, [command(1, 2)]);
    u.drain(2n, { messages: [message] });
    u.sync(2n);
    u.properties.sent(2n, message);
    const next = u.message(1n, 1, { type: "timeoutNow" }, 2);
    u.drain(2n, { messages: [next] });
    u.start(2n, { entries: [...u.puppet(2n).log], state: hardState({ epoch: 1 }) });
    violates("durable before said", /waits for write 2/, () => u.properties.sent(2n, next));
  });

  it("forged messages say nothing", () => {
    const t = new Theatre();
    const bytes = t.message(1n, 2, { type: "voteResponse", granted: true }).pieces[0] as Uint8Array;
    t.properties.forged(bytes);
    t.step(1n, {}, { type: "message", from: 3n, bytes });
  });
});
