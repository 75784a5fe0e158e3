import assert from "node:assert/strict";
import { test } from "node:test";
import { Election, type Leader } from "./election.ts";
import { RankedElection } from "./ranked-election.ts";
import { Outcome, Participants } from "./testing/participants.ts";

/** What an observer is told, as far as it has been. */
function told(leaders: AsyncIterable<Leader | null>): (string | null)[] {
  const values: (string | null)[] = [];
  const listen = async (): Promise<void> => {
    for await (const leader of leaders) values.push(leader === null ? null : leader.value);
  };
  void listen();
  return values;
}

test("who came first leads, then the next; observers are told", async () => {
  const world = new Participants();
  const [one, two, watcher] = [world.join(), world.join(), world.join()];
  const end = new AbortController();
  const values = told(new Election(watcher.source, "a").observe({ signal: end.signal }));
  const first = await world.play(new Election(one.source, "a").campaign("one"));
  const second = new Outcome(new Election(two.source, "a").campaign("two"));
  await world.pass(10);
  await world.play(first.proclaim("one again"));
  await world.pass(10);
  watcher.store.faults.cutWatches();
  await world.pass(10);
  assert.equal((await world.play(new Election(two.source, "a").standing())).length, 2);
  await world.play(first.resign());
  await world.pass(100);
  assert.ok(second.value?.held && second.value.fence > first.fence);
  assert.equal((await world.play(new Election(two.source, "a").leader()))?.value, "two");
  await assert.rejects(first.proclaim("still me"), { code: "RELEASED" });
  await world.play(second.value.resign());
  await world.pass(10);
  assert.deepEqual(values, [null, "one", "one again", "two", null]);
  end.abort();
});

test("the last one proclaimed is the last one told, whatever answers are lost", async () => {
  const world = new Participants();
  const { source, store } = world.join();
  const election = new Election(source, "a");
  const office = await world.play(election.campaign());
  store.faults.nextWrites({ lateMs: 500 });
  await world.play(office.proclaim("1"));
  await world.play(office.proclaim("2"));
  await world.pass(2_000);
  assert.equal((await world.play(election.leader()))?.value, "2");
});

test("a leader that dies is followed by the next", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  await world.play(new Election(one.source, "a").campaign());
  const second = new Outcome(new Election(two.source, "a").run(async (office) => office.held));
  one.process.kill();
  await world.pass(7_000);
  assert.equal(second.value, true);
});

test("the highest number leads, and gets the office of a lower one handed over", async () => {
  const world = new Participants();
  const campaign = (number: number) =>
    new RankedElection(world.join().source, "a", { handOverMs: 1_000 }).campaign({ number, value: `n${number}` });
  const end = new AbortController();
  const values = told(new RankedElection(world.join().source, "a").observe({ signal: end.signal }));
  const two = await world.play(campaign(2));
  const one = new Outcome(campaign(1));
  await world.pass(2_000);
  assert.ok(one.pending && two.held);
  const five = new Outcome(campaign(5));
  const four = new Outcome(campaign(4));
  await world.pass(500);
  assert.ok(two.challenged.aborted && two.held, "it is asked before it must");
  await world.pass(1_000);
  assert.equal((two.signal.reason as { code: string }).code, "HANDED_OVER");
  assert.ok(five.value?.held && four.pending && five.value.fence > two.fence);
  await world.play(five.value.resign());
  await world.pass(100);
  assert.ok(four.value?.held && one.pending);
  assert.equal((await world.play(new RankedElection(world.join().source, "a").leader()))?.number, 4);
  assert.deepEqual(
    values,
    [null, "n2", "n5", "n4"].flatMap((value, at) => (at > 1 ? [null, value] : [value])),
  );
  end.abort();
});

test("a higher candidate that came while a lower one was about to take the office gets it", async () => {
  const world = new Participants();
  const [one, two, watcher] = [world.join(), world.join(), world.join()];
  await world.play(Promise.all([one.source.current(), two.source.current()]));
  const end = new AbortController();
  const values = told(new RankedElection(watcher.source, "a").observe({ signal: end.signal }));
  one.store.faults.latencyMs = () => 50;
  two.store.faults.latencyMs = () => 20;
  const low = new Outcome(new RankedElection(one.source, "a").campaign({ number: 1, value: "low" }));
  // Its candidacy arrives at 50, its look at 150, its hand at the office at 250.
  await world.pass(200);
  const high = new Outcome(new RankedElection(two.source, "a").campaign({ number: 5, value: "high" }));
  await world.pass(1_000);
  assert.ok(high.value?.held && low.pending);
  assert.deepEqual(values, [null, "high"]);
  end.abort();
});

test("of equal numbers the first who came leads, and nobody hands over to an equal", async () => {
  const world = new Participants();
  const campaign = () => new RankedElection(world.join().source, "a", { handOverMs: 0 }).campaign({ number: 7 });
  const first = await world.play(campaign());
  const second = new Outcome(campaign());
  await world.pass(10);
  const third = new Outcome(campaign());
  await world.pass(10_000);
  assert.ok(first.held && !first.challenged.aborted);
  await world.play(first.resign());
  await world.pass(100);
  assert.ok(second.value?.held && third.pending);
});

test("lost answers make no second leader and leave no office behind", async () => {
  for (const outcome of ["applied", "lost", { lateMs: 300 }] as const) {
    const world = new Participants();
    const { source, store } = world.join();
    await world.play(source.current());
    store.faults.nextWrites(outcome, outcome, outcome, outcome);
    const office = await world.play(new RankedElection(source, "a").campaign({ number: 1 }));
    await world.pass(2_000);
    assert.ok(office.held);
    assert.deepEqual(world.keys("election/"), [office.key]);
  }
});

test("a candidate that gives up, or dies, stands in nobody's way", async () => {
  const world = new Participants();
  const [one, two] = [world.join(), world.join()];
  const office = await world.play(new RankedElection(one.source, "a").campaign({ number: 9 }));
  const given = new Outcome(new RankedElection(two.source, "a").campaign({ number: 8 }, { timeoutMs: 100 }));
  const dies = world.join();
  void new Outcome(new RankedElection(dies.source, "a").campaign({ number: 7 }));
  const last = new Outcome(new RankedElection(two.source, "a").campaign({ number: 1 }));
  await world.pass(200);
  assert.equal(given.code, "TIMEOUT");
  dies.process.kill();
  await world.play(office.resign());
  await world.pass(100);
  assert.ok(last.pending, "the dead candidate is the highest until its lease ends");
  await world.pass(20_000);
  assert.ok(last.value?.held);
  await assert.rejects(new RankedElection(one.source, "a").campaign({ number: 0.5 }), { code: "INVALID_ARGUMENT" });
});
