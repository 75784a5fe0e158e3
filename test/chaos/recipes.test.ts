/**
 * Programs that compete for a lock, a read-write lock, a semaphore's permits and an office, and add to counters, while
 * they and the members are killed, stopped beyond their leases and cut apart. Then the books are checked, which were kept
 * outside the cluster.
 *
 * QUORATE_RECIPES_MINUTES (default 1) and QUORATE_CHAOS_SEED change how long and how.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "../../src/coordination/connect.ts";
import type { Leader } from "../../src/coordination/election.ts";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { ETCD, missing } from "../support/programs.ts";
import { seeded } from "../support/seeded.ts";
import { targetFromEnvironment } from "../support/target.ts";
import { FAULTS } from "./nemesis.ts";
import { CLIENT_FAULTS } from "./recipes/client-faults.ts";
import { Competition, TTL_MS } from "./recipes/competition.ts";
import { excesses, misorders } from "./recipes/holdings.ts";
import { type Domain, LIMITS } from "./recipes/messages.ts";
import { PARTITION_FAULTS } from "./recipes/partition-faults.ts";

const MINUTES = Number(process.env["QUORATE_RECIPES_MINUTES"] ?? 1);
/** For everybody to get everything, with sessions of the dead still to end, on a busy machine. */
const CALM_WITHIN_MS = 120_000;
/** How much must have happened at the least, a minute, on however busy a machine. */
const LEAST_GRANTS = 2;
const LEAST_ADDS = 10;
/** After a fault, for the members to find each other again. */
const READY_WITHIN_MS = 120_000;
/** All that is locked by those who die, stop, or hear nothing is free again after their leases. */
const LEASES_OVER_MS = 10 * TTL_MS;
const DOMAINS = Object.keys(LIMITS) as Domain[];
/** Of these a fence that is larger came later. A semaphore's permits are held together, whatever their fences. */
const ORDERED: readonly Domain[] = ["lock", "book", "office"];

const skip = targetFromEnvironment() === "etcd" && missing(ETCD);

describe(`${MINUTES} minutes of recipes under kill -9, SIGSTOP and cuts`, {
  skip,
  timeout: (MINUTES + 8) * 60_000,
}, () => {
  const random = seeded();
  const leaders: (Leader | null)[] = [];
  const observing = new AbortController();
  const sums = { plain: new Map<string, bigint>(), "high-rate": new Map<string, bigint>() };
  let cluster: ClusterUnderTest;
  let competition: Competition;
  let q: Quorate;
  let observed: Promise<void>;

  before(async () => {
    assert.ok(MINUTES > 0, `QUORATE_RECIPES_MINUTES is ${MINUTES}: use a number above 0`);
    console.log(`chaos seed ${random.seed}`);
    cluster = await ClusterUnderTest.start({ proxied: true });
    q = await connect(cluster.endpoints);
    observed = observe();
    competition = await Competition.start(cluster, random);
    await competition.allGetOn(CALM_WITHIN_MS);
    await strikeUntil(performance.now() + MINUTES * 60_000);
    await cluster.ready(cluster.members, READY_WITHIN_MS);
    await competition.allGetOn(CALM_WITHIN_MS);
    await competition.stop();
    await audit();
  });

  after(async () => {
    observing.abort();
    await competition?.kill();
    await q?.close({ timeoutMs: 5_000 });
    await cluster?.stop();
  });

  async function observe(): Promise<void> {
    for await (const leader of q.election("office").observe({ signal: observing.signal })) leaders.push(leader);
  }

  /** Members and clients meet their faults at the same time, one after the other each. */
  async function strikeUntil(end: number): Promise<void> {
    const failed = new AbortController();
    const inTurn = async <F extends { readonly name: string }>(
      faults: readonly F[],
      first: number,
      strike: (fault: F) => Promise<string>,
    ): Promise<void> => {
      try {
        for (let turn = first; performance.now() < end && !failed.signal.aborted; turn++) {
          const fault = faults[turn % faults.length] as F;
          const started = performance.now();
          const did = await strike(fault);
          competition.assertWell();
          console.log(`${fault.name}: ${did}; ${((performance.now() - started) / 1_000).toFixed(1)} s in all`);
        }
      } finally {
        failed.abort();
      }
    };
    const ofMembers = [...FAULTS, ...PARTITION_FAULTS];
    await Promise.all([
      inTurn(ofMembers, random.below(ofMembers.length), async (fault) => {
        const did = await fault.strike(cluster, random);
        await cluster.ready(cluster.members, READY_WITHIN_MS);
        return did;
      }),
      inTurn(CLIENT_FAULTS, 0, async (fault) => await fault.strike(competition, random)),
    ]);
  }

  async function audit(): Promise<void> {
    for (const [kind, ofKind] of Object.entries(sums)) {
      const book = competition.referee.adds[kind as keyof typeof sums];
      for (const name of book.counters) ofKind.set(name, await q.counter(name).get());
    }
    // The observer has seen the last leader go.
    await eventually("nobody leads any more", () => assert.equal(leaders.at(-1), null), { withinMs: LEASES_OVER_MS });
    observing.abort();
    await observed;
  }

  test("the load was real: all was granted and added, late writes were refused, outcomes were unknown", (t) => {
    const { holdings, adds, writes, guarded, fenced } = competition.referee;
    const granted = DOMAINS.map((domain) => [domain, holdings.of(domain).length] as const);
    const refused = [...writes.values()].reduce((all, counts) => all + counts.refused, 0);
    const made = { plain: adds.plain.count("made"), highRate: adds["high-rate"].count("made") };
    const unknown = adds.plain.count("unknown") + adds["high-rate"].count("unknown");
    const counts = { granted, made, unknown, refused, writes: [...writes], guarded: guarded.length, fenced };
    t.diagnostic(JSON.stringify(counts));
    for (const [domain, count] of granted)
      assert.ok(count > MINUTES * LEAST_GRANTS, `${domain} was granted ${count} times`);
    assert.ok(Math.min(made.plain, made.highRate) > MINUTES * LEAST_ADDS, JSON.stringify(made));
    assert.ok(refused > 0, "nobody came too late");
    assert.ok(unknown > 0, "every outcome was known");
    assert.ok(guarded.length > 0, "nothing was written under guard");
  });

  test("no competitor saw what should not be, and all came to their end by themselves", () => {
    assert.deepEqual(competition.referee.broken, []);
    assert.deepEqual(competition.casualties, []);
  });

  test("no fence is used by two holders", () => {
    assert.deepEqual(competition.referee.holdings.disputes, []);
  });

  for (const domain of DOMAINS) {
    test(`never more than there is: ${domain}`, () => {
      assert.deepEqual(excesses(competition.referee.holdings.of(domain), LIMITS[domain]), []);
    });
  }

  for (const domain of ORDERED) {
    test(`a larger fence comes later: ${domain}`, () => {
      assert.deepEqual(misorders(competition.referee.holdings.of(domain), LIMITS[domain]), []);
    });
  }

  test("no guarded write with a smaller fence is made after one with a larger", () => {
    const inOrder = competition.referee.guarded.toSorted((a, b) => a.revision - b.revision);
    for (const [at, write] of inOrder.entries()) {
      const before = inOrder[at - 1];
      assert.ok((before?.fence ?? 0) <= write.fence, `${JSON.stringify(before)} came before ${JSON.stringify(write)}`);
    }
  });

  test("who observes the office is told of its leaders in order", () => {
    const fences = leaders.flatMap((leader) => (leader === null ? [] : [Number(leader.fence)]));
    assert.deepEqual(
      fences,
      fences.toSorted((a, b) => a - b),
    );
    assert.ok(new Set(fences).size > MINUTES * LEAST_GRANTS, `${new Set(fences).size} leaders`);
  });

  for (const kind of ["plain", "high-rate"] as const) {
    test(`each acknowledged add counts once, each of unknown outcome at most once: ${kind}`, (t) => {
      const book = competition.referee.adds[kind];
      const { faults, unknownMade } = book.audit(sums[kind]);
      assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults`);
      const fates = (["made", "not made", "unknown"] as const).map((fate) => `${fate} ${book.count(fate)}`);
      t.diagnostic(`${fates.join(", ")}, of which ${unknownMade} were made`);
    });
  }

  test("nobody is left in any line", async () => {
    for (const prefix of ["lock/", "rw/", "semaphore/permits//line/", "election/"]) {
      await eventually(`nothing is left under ${prefix}`, async () => assert.equal(await q.kv.count({ prefix }), 0), {
        withinMs: LEASES_OVER_MS,
      });
    }
  });
});
