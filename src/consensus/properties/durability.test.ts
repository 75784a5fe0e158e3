import { describe, it } from "node:test";
import { noHardState } from "../raft/hard-state.ts";
import { hardState, noop, snapshotAt, Theatre, violates } from "../testing/puppets.ts";
import { command } from "../testing/solo.ts";

describe("durable is found again", () => {
  const [a, b] = [command(1, 2), command(1, 3)];
  const state = hardState({ epoch: 1 });

  it("a start finds less than was durable", () => {
    const t = new Theatre();
    t.store(1n, [a, b]);
    const entries = t.puppet(1n).log.slice(0, 2);
    violates("durable is found again", /starts with a log up to 2, .* 3 was durable/, () =>
      t.start(1n, { entries, state }),
    );
  });

  it("or a part of a write, or a later one without an earlier one", () => {
    const t = new Theatre();
    t.write(1n, [a, b]);
    const entries = t.puppet(1n).log.slice(0, 2);
    violates("durable is found again", /1 writes were under way/, () => t.start(1n, { entries, state }));
    const u = new Theatre();
    u.write(1n, [a]);
    u.write(1n, [], { state: hardState({ epoch: 4 }) });
    violates("durable is found again", /no prefix/, () =>
      u.start(1n, { entries: u.puppet(1n).log.slice(0, 1), state: hardState({ epoch: 4 }) }),
    );
  });

  it("any prefix of the writes under way may have survived", () => {
    for (const survivors of [0, 1, 2]) {
      const t = new Theatre();
      t.write(1n, [a]);
      t.write(1n, [b]);
      t.start(1n, { entries: t.puppet(1n).log.slice(0, 1 + survivors), state });
    }
  });

  it("a state goes back, or a snapshot is gone", () => {
    const t = new Theatre();
    t.store(1n, [], { state: hardState({ ...noHardState, epoch: 3 }) });
    violates("durable is found again", /no prefix/, () => t.start(1n, { entries: t.puppet(1n).log, state }));
    const u = new Theatre();
    u.step(1n, {}, { type: "compact", snapshot: snapshotAt(1, 1), upTo: 1 });
    violates("durable is found again", /starts from a snapshot at 0, one at 1 was durable/, () =>
      u.start(1n, { entries: u.puppet(1n).log, state }),
    );
  });

  it("a snapshot stands for entries that are gone, and for a branch that was never committed", () => {
    const t = new Theatre();
    t.store(1n, [command(1, 2), command(1, 3)]);
    t.lead(2n, 2, [2n, 3n]);
    for (const id of [2n, 3n]) t.store(id, [noop(2, 2)]);
    t.step(2n, { commit: 2 });
    t.step(1n, {}, { type: "snapshotReceived", from: 2n, snapshot: snapshotAt(2, 2) });
    t.start(1n, { snapshot: snapshotAt(2, 2), state });
  });

  it("a loss that shows must be said", () => {
    const lose = (): Theatre => {
      const t = new Theatre();
      t.store(1n, [a]);
      t.properties.lost(1n, true);
      return t;
    };
    const t = lose();
    violates("durable is found again", /believes a log that ends at 0, though 2 was durable/, () =>
      t.start(1n, { state: null }, { commit: 0 }),
    );
    lose().start(1n, { untrusted: true, state: null }, { commit: 0 });
    const whole = lose();
    whole.start(1n, { entries: [...whole.puppet(1n).log], state });
  });

  it("a known loss is excused", () => {
    const t = new Theatre();
    t.store(1n, [a]);
    t.properties.lost(1n);
    t.start(1n, { state: null }, { commit: 0 });
    const u = new Theatre();
    u.store(1n, [a]);
    u.start(1n, { untrusted: true, state: null }, { commit: 0 });
  });
});
