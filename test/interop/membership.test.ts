/** Growing and shrinking a running cluster with etcdctl: a learner joins, is promoted, a member leaves. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { textOf } from "../support/member-client.ts";
import type { MemberProcess } from "../support/member-process.ts";
import { ETCDCTL, missing, type Outcome } from "../support/programs.ts";
import { Etcdctl } from "./etcdctl.ts";

interface MemberLine {
  readonly id: string;
  readonly status: string;
  readonly name: string;
  readonly peerUrls: string;
  readonly clientUrls: string;
  readonly isLearner: boolean;
}

describe("membership", { skip: missing(ETCDCTL), timeout: 120_000 }, () => {
  let cluster: ClusterUnderTest;
  let ctl: Etcdctl;
  let fourth: MemberProcess;

  before(async () => {
    cluster = await ClusterUnderTest.start();
    ctl = new Etcdctl(cluster.endpoints);
    await ctl.say(["put", "before", "the change"]);
  });

  after(() => cluster?.stop());

  afterEach((t) => {
    if ("passed" in t && !t.passed) console.error(`${t.name}: the members said\n${cluster?.logs()}`);
  });

  test("member list names all three, started, with their URLs", async () => {
    const members = await eventually(
      "all have told their names",
      async () => {
        const told = await list(ctl);
        assert.deepEqual(
          told.map((member) => member.name).sort(),
          cluster.members.map((member) => member.name),
        );
        return told;
      },
      { withinMs: 10_000 },
    );
    for (const member of members) {
      const process = cluster.members.find(({ name }) => name === member.name);
      assert.ok(process !== undefined);
      assert.equal(member.status, "started");
      assert.equal(member.clientUrls, process.settings.listenClientUrl);
      assert.equal(member.peerUrls, process.settings.advertisePeerUrl);
      assert.equal(member.isLearner, false);
    }
  });

  test("a member that is there already is refused", async () => {
    const outcome = await change(ctl, [
      "member",
      "add",
      "twin",
      `--peer-urls=${cluster.member(0).settings.advertisePeerUrl}`,
    ]);
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /etcdserver: Peer URLs already exists/);
  });

  test("a learner is added, joins with --initial-cluster-state existing and catches up", async () => {
    const plan = await cluster.planMember();
    const { stdout: said } = await change(ctl, [
      "member",
      "add",
      plan.name,
      `--peer-urls=${plan.peerUrl}`,
      "--learner",
    ]);
    assert.match(said, /^Member +[0-9a-f]+ added to cluster +[0-9a-f]+/);
    assert.match(said, /ETCD_INITIAL_CLUSTER_STATE="existing"/);
    const unstarted = (await list(ctl)).find((member) => member.peerUrls === plan.peerUrl);
    assert.deepEqual([unstarted?.status, unstarted?.name, unstarted?.isLearner], ["unstarted", "", true]);

    fourth = plan.start();
    await eventually("the learner has the data", () => holds(fourth, "before", "the change"), { withinMs: 20_000 });
    await eventually(
      "the learner has told its name",
      async () => {
        const learner = (await list(ctl)).find((member) => member.name === plan.name);
        assert.deepEqual([learner?.status, learner?.isLearner], ["started", true]);
      },
      { withinMs: 10_000 },
    );
  });

  test("a learner answers serializable reads and refuses the rest", async () => {
    await assert.rejects(fourth.client.get("before"), /etcdserver: rpc not supported for learner/);
    await assert.rejects(fourth.client.put("via learner", "x"), /etcdserver: rpc not supported for learner/);
    assert.equal((await fourth.client.status()).isLearner, true);
  });

  test("a second learner is refused", async () => {
    const outcome = await change(ctl, ["member", "add", "fifth", "--peer-urls=http://127.0.0.1:9", "--learner"]);
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /etcdserver: too many learner members in cluster/);
  });

  test("promoted, it votes and serves everything", async () => {
    const id = (await list(ctl)).find((member) => member.name === fourth.name)?.id;
    assert.ok(id !== undefined);
    await eventually("it is promoted", () => ctl.say(["member", "promote", id]), { withinMs: 20_000, everyMs: 250 });
    await eventually("it serves", () => fourth.client.put("via the fourth", "works"), { withinMs: 10_000 });
    assert.equal(await ctl.say(["get", "via the fourth", "--print-value-only"]), "works");
    assert.equal((await list(ctl)).find((member) => member.name === fourth.name)?.isLearner, false);
    const again = await ctl.try(["member", "promote", id]);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /etcdserver: can only promote a learner member/);
  });

  test("with four members, two may not be missing: it counts", async () => {
    const [one, two] = [cluster.member(1), cluster.member(2)];
    await one.end("SIGKILL");
    await eventually("three of four still decide", () => cluster.member(0).client.put("three of four", "yes"), {
      withinMs: 20_000,
    });
    await two.end("SIGKILL");
    await assert.rejects(cluster.member(0).client.put("two of four", "no", { timeoutMs: 3_000 }));
    one.start();
    two.start();
    await cluster.ready();
  });

  test("a removed member is gone from the list, and the rest goes on", async () => {
    const leader = await cluster.leader();
    const leaving = cluster.others(leader).find((member) => member !== fourth);
    assert.ok(leaving !== undefined);
    const id = (await list(ctl)).find((member) => member.name === leaving.name)?.id;
    assert.ok(id !== undefined);
    const removed = await change(ctl, ["member", "remove", id]);
    assert.match(removed.stdout, /removed from cluster/, removed.stderr);
    await cluster.forget(leaving);
    const rest = new Etcdctl(cluster.endpoints);
    assert.equal((await list(rest)).length, 3);
    assert.equal(await rest.say(["put", "after", "the change"]), "OK");
    for (const member of cluster.members) {
      await eventually(
        `${member.name} has both`,
        async () => {
          await holds(member, "before", "the change");
          await holds(member, "after", "the change");
        },
        { withinMs: 10_000 },
      );
    }
    const again = await change(rest, ["member", "remove", id]);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /etcdserver: member not found/i);
  });

  test("the leader can be removed too", async () => {
    const leader = await cluster.leader();
    const id = (await list(new Etcdctl(cluster.endpoints))).find((member) => member.name === leader.name)?.id;
    assert.ok(id !== undefined);
    const rest = new Etcdctl(cluster.others(leader).map((member) => member.endpoint));
    const removed = await change(rest, ["member", "remove", id]);
    assert.match(removed.stdout, /removed from cluster/, removed.stderr);
    await cluster.forget(leader);
    await cluster.ready();
    assert.equal(await rest.say(["put", "two are left", "and decide"]), "OK");
  });
});

/**
 * One command that changes the members. etcd refuses them until all members have been connected for five seconds; this
 * tries until it gets another answer.
 */
function change(ctl: Etcdctl, args: readonly string[]): Promise<Outcome> {
  return eventually(
    args.join(" "),
    async () => {
      const outcome = await ctl.try(args);
      assert.doesNotMatch(outcome.stderr, /etcdserver: unhealthy cluster/);
      return outcome;
    },
    { withinMs: 20_000, everyMs: 200 },
  );
}

async function list(ctl: Etcdctl): Promise<MemberLine[]> {
  const lines = (await ctl.say(["member", "list"])).split("\n");
  return lines.map((line) => {
    const [id = "", status = "", name = "", peerUrls = "", clientUrls = "", learner] = line
      .split(",")
      .map((part) => part.trim());
    return { id, status, name, peerUrls, clientUrls, isLearner: learner === "true" };
  });
}

async function holds(member: MemberProcess, key: string, value: string): Promise<void> {
  const { kvs } = await member.client.get(key, { serializable: true });
  assert.equal(kvs[0] && textOf(kvs[0].value), value);
}
