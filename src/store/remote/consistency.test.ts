import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import type { RangeRequest, TxnRequest } from "../../wire/kv.ts";
import * as methods from "../../wire/methods.ts";
import { Freshness } from "./freshness.ts";
import type { RemoteStore } from "./remote-store.ts";
import { answered } from "./testing/scripted-member.ts";
import { header, putOf, ranged, rangeOf, StoreWorld, wasPut } from "./testing/store-world.ts";

/** A cluster at one revision, and the member that is asked at another; what it was asked for, in order. */
class Lagging {
  readonly world = new StoreWorld();
  cluster = 10;
  here = 10;
  readonly asked: ("cluster" | "here")[] = [];
  readonly store: RemoteStore;

  constructor() {
    const [member] = this.world.members("a:1");
    assert.ok(member !== undefined);
    member
      .on(methods.range, ({ serializable, revision }: RangeRequest, { metadata }) => {
        this.asked.push(serializable ? "here" : "cluster");
        assert.equal(metadata["hasleader"], serializable ? undefined : "true");
        const at = serializable ? this.here : this.cluster;
        if (revision > at) throw answered(etcdErrors.futureRevision());
        return ranged(at);
      })
      .on(methods.txn, ({ success }: TxnRequest) => {
        const serializable = success.every((op) => op.type === "range" && op.request.serializable);
        this.asked.push(serializable ? "here" : "cluster");
        return { header: header(serializable ? this.here : this.cluster), result: { succeeded: true, responses: [] } };
      })
      .on(methods.put, () => wasPut(++this.cluster));
    this.store = this.world.store([member]);
  }

  async read(consistency: Parameters<RemoteStore["range"]>[1] extends infer O ? O : never): Promise<number> {
    return (await this.world.play(this.store.range(rangeOf("a"), consistency))).header.revision;
  }
}

describe("a read is", () => {
  test("linearizable unless told otherwise", async () => {
    const lagging = new Lagging();
    lagging.here = 3;
    assert.equal(await lagging.read({}), 10);
    assert.equal(await lagging.read({ consistency: "linearizable" }), 10);
    assert.deepEqual(lagging.asked, ["cluster", "cluster"]);
  });

  test("serializable: whatever the member has", async () => {
    const lagging = new Lagging();
    await lagging.read({});
    lagging.here = 3;
    assert.equal(await lagging.read({ consistency: "serializable" }), 3);
  });

  test("of the session: of the member, unless it is behind what was written or read", async () => {
    const lagging = new Lagging();
    lagging.here = 3;
    assert.equal(await lagging.read({ consistency: "session" }), 3, "nothing was read before");
    await lagging.world.play(lagging.store.put(putOf("a", "1")));
    assert.equal(await lagging.read({ consistency: "session" }), 11, "its own write");
    lagging.here = 11;
    lagging.asked.length = 0;
    assert.equal(await lagging.read({ consistency: "session" }), 11);
    assert.deepEqual(lagging.asked, ["here"]);
    lagging.here = 20;
    assert.equal(await lagging.read({ consistency: "session" }), 20);
    lagging.here = 12;
    lagging.cluster = 21;
    assert.equal(await lagging.read({ consistency: "session" }), 21, "what was read once is not unread");
  });

  test("no staler than a bound: held against what the cluster said, and when it was asked", async () => {
    const lagging = new Lagging();
    const bound = { consistency: { maxStalenessMs: 1_000 } };
    lagging.here = 3;
    assert.equal(await lagging.read(bound), 10, "nothing is known yet");
    assert.deepEqual(lagging.asked, ["cluster"]);
    lagging.here = 10;
    lagging.cluster = 15;
    await lagging.world.pass(900);
    lagging.asked.length = 0;
    assert.equal(await lagging.read(bound), 10, "10 was the cluster's less than a second ago");
    assert.deepEqual(lagging.asked, ["here"]);
    await lagging.world.pass(200);
    assert.equal(await lagging.read(bound), 15, "nobody has asked the cluster for more than a second");
    lagging.here = 12;
    assert.equal(await lagging.read(bound), 15, "the member is behind what the cluster was a second ago");
  });

  test("of a revision that the member does not have yet, made of the cluster", async () => {
    const lagging = new Lagging();
    lagging.here = 3;
    const at = rangeOf("a", { revision: 8 });
    assert.equal((await lagging.world.play(lagging.store.range(at, { consistency: "session" }))).header.revision, 10);
    await assert.rejects(lagging.world.play(lagging.store.range(at, { consistency: "serializable" })), {
      code: "FUTURE_REVISION",
    });
  });
});

describe("a transaction", () => {
  const reading: TxnRequest = { compare: [], success: [{ type: "range", request: rangeOf("a") }], failure: [] };

  test("that only reads takes a consistency, whatever its ranges say", async () => {
    const lagging = new Lagging();
    lagging.here = 3;
    const revisionOf = async (consistency: "linearizable" | "serializable"): Promise<number> =>
      (await lagging.world.play(lagging.store.txn(reading, { consistency }))).header.revision;
    assert.equal(await revisionOf("serializable"), 3);
    assert.equal(await revisionOf("linearizable"), 10);
  });

  test("that writes, or has no operation, is the cluster's", async () => {
    const lagging = new Lagging();
    const put = { type: "put", request: putOf("a", "1") } as const;
    for (const request of [
      { ...reading, failure: [put] },
      { ...reading, success: [{ type: "txn", request: reading } as const] },
    ]) {
      await lagging.world.play(lagging.store.txn(request, { consistency: "serializable" }));
    }
    assert.deepEqual(lagging.asked, ["cluster", "cluster"]);
  });
});

test("what is known of freshness is bounded, and never says more than it may", () => {
  const freshness = new Freshness();
  for (let i = 1; i <= 1_000; i++) freshness.noteCurrent(i, 10 * i);
  assert.equal(freshness.revisionAt(1_001), null);
  assert.equal(freshness.revisionAt(1_000), 10_000);
  for (let time = 1; time <= 1_000; time += 7) {
    const revision = freshness.revisionAt(time);
    assert.ok(revision !== null && revision >= 10 * time, `${revision} at ${time}`);
  }
  // An answer that comes late says what it said when it was asked for.
  freshness.noteCurrent(500.5, 5_007);
  assert.equal(freshness.revisionAt(500.2), 5_007);
  assert.equal(freshness.seen, 10_000);
});
