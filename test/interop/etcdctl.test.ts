/** Debian's etcdctl against the cluster: what an operator types. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { ETCDCTL, missing } from "../support/programs.ts";
import { decode, Etcdctl, type Header, type KeyValue } from "./etcdctl.ts";

interface RangeJson {
  readonly header: Header;
  readonly kvs?: readonly KeyValue[];
  readonly count?: number;
  readonly more?: boolean;
}

describe("etcdctl", { skip: missing(ETCDCTL), timeout: 180_000 }, () => {
  let cluster: ClusterUnderTest;
  let ctl: Etcdctl;

  before(async () => {
    cluster = await ClusterUnderTest.start();
    ctl = new Etcdctl(cluster.endpoints);
  });

  after(() => cluster?.stop());

  test("put answers OK, get prints key and value", async () => {
    assert.equal(await ctl.say(["put", "greeting", "hello world"]), "OK");
    assert.equal(await ctl.say(["get", "greeting"]), "greeting\nhello world");
    assert.equal(await ctl.say(["get", "greeting", "--print-value-only"]), "hello world");
    assert.equal(await ctl.say(["get", "nothing here"]), "");
  });

  test("put takes a value from standard input and returns the one before", async () => {
    await ctl.say(["put", "stdin"], { input: "first" });
    assert.equal(await ctl.say(["put", "stdin", "--prev-kv"], { input: "line 1\nline 2" }), "OK\nstdin\nfirst");
    assert.equal(await ctl.say(["get", "stdin", "--print-value-only"]), "line 1\nline 2");
  });

  test("put with --ignore-value needs the key", async () => {
    const outcome = await ctl.try(["put", "never-put", "--ignore-value"]);
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /etcdserver: key not found/);
  });

  test("get by prefix, with limit, order, keys only, from a key", async () => {
    for (const name of ["a", "b", "c"]) await ctl.say(["put", `fruit/${name}`, name.toUpperCase()]);
    await ctl.say(["put", "fruit0", "outside of the prefix"]);
    assert.equal(await ctl.say(["get", "fruit/", "--prefix"]), "fruit/a\nA\nfruit/b\nB\nfruit/c\nC");
    assert.equal(
      await ctl.say(["get", "fruit/a", "fruit/c", "--print-value-only"]),
      "A\nB",
      "the end is not part of it",
    );
    assert.equal(
      await ctl.say(["get", "fruit/", "--prefix", "--sort-by=KEY", "--order=DESCEND", "--print-value-only"]),
      "C\nB\nA",
    );
    assert.deepEqual(
      await ctl.say(["get", "fruit/b", "--from-key", "--limit=2", "--keys-only"]).then((text) => text.split(/\n+/)),
      ["fruit/b", "fruit/c"],
    );
    const limited = await ctl.json<RangeJson>(["get", "fruit/", "--prefix", "--limit=2"]);
    assert.equal(limited.kvs?.length, 2);
    assert.equal(limited.count, 3);
    assert.equal(limited.more, true);
  });

  test("get at an old revision sees the keyspace as it was", async () => {
    await ctl.say(["put", "history", "old"]);
    const then = await ctl.json<RangeJson>(["get", "history"]);
    const revision = then.header.revision;
    await ctl.say(["put", "history", "new"]);
    await ctl.say(["del", "history"]);
    assert.equal(await ctl.say(["get", "history"]), "");
    assert.equal(await ctl.say(["get", "history", `--rev=${revision}`, "--print-value-only"]), "old");
    assert.equal(await ctl.say(["get", "history", `--rev=${revision + 1}`, "--print-value-only"]), "new");
    const future = await ctl.try(["get", "history", `--rev=${revision + 1_000_000}`]);
    assert.notEqual(future.code, 0);
    assert.match(future.stderr, /etcdserver: mvcc: required revision is a future revision/);
  });

  test("versions and revisions count as in etcd", async () => {
    await ctl.say(["put", "counted", "1"]);
    await ctl.say(["put", "counted", "2"]);
    const read = await ctl.json<RangeJson>(["get", "counted"]);
    const [kv] = read.kvs ?? [];
    assert.ok(kv !== undefined);
    assert.equal(decode(kv.value), "2");
    assert.equal(kv.version, 2);
    assert.equal(kv.mod_revision, kv.create_revision + 1);
    assert.equal(kv.mod_revision, read.header.revision);
    await ctl.say(["del", "counted"]);
    await ctl.say(["put", "counted", "3"]);
    const again = await ctl.json<RangeJson>(["get", "counted"]);
    assert.equal(again.kvs?.[0]?.version, 1, "a key that comes back begins anew");
    assert.equal(again.kvs?.[0]?.create_revision, kv.mod_revision + 2);
  });

  test("del answers how many, by key, range and prefix", async () => {
    for (const name of ["a", "b", "c", "d"]) await ctl.say(["put", `gone/${name}`, name]);
    assert.equal(await ctl.say(["del", "gone/a"]), "1");
    assert.equal(await ctl.say(["del", "gone/a"]), "0");
    assert.equal(await ctl.say(["del", "gone/b", "gone/c", "--prev-kv"]), "1\ngone/b\nb");
    assert.equal(await ctl.say(["del", "gone/", "--prefix"]), "2");
    assert.equal(await ctl.say(["get", "gone/", "--prefix"]), "");
  });

  test("txn runs one branch, all or nothing", async () => {
    await ctl.say(["put", "account", "100"]);
    // Three paragraphs: compares, then, else. Each ends with an empty line.
    const transaction = 'value("account") = "100"\n\nput account 90\nput log spent\nget account\n\nget account\n\n';
    assert.deepEqual(await ctl.say(["txn"], { input: transaction }).then((text) => text.split(/\n+/)), [
      "SUCCESS",
      "OK",
      "OK",
      "account",
      "90",
    ]);
    assert.deepEqual(await ctl.say(["txn"], { input: transaction }).then((text) => text.split(/\n+/)), [
      "FAILURE",
      "account",
      "90",
    ]);
    const [account, log] = await Promise.all([
      ctl.json<RangeJson>(["get", "account"]),
      ctl.json<RangeJson>(["get", "log"]),
    ]);
    assert.equal(account.kvs?.[0]?.mod_revision, log.kvs?.[0]?.mod_revision, "one transaction is one revision");
  });

  test("txn refuses to put one key twice", async () => {
    const outcome = await ctl.try(["txn"], { input: 'mod("x") = "0"\n\nput x 1\nput x 2\n\n\n' });
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /etcdserver: duplicate key given in txn request/);
  });

  test("watch replays from a revision and goes on with what happens", async () => {
    await ctl.say(["put", "watched/a", "1"]);
    const { revision } = (await ctl.json<RangeJson>(["get", "watched/a"])).header;
    await ctl.say(["put", "watched/a", "2"]);
    await ctl.say(["del", "watched/a"]);
    const watcher = spawn("etcdctl", ctl.arguments(["watch", "watched/", "--prefix", `--rev=${revision}`]), {
      env: { ...process.env, ETCDCTL_API: "3" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      let seen = "";
      watcher.stdout.setEncoding("utf8").on("data", (text: string) => {
        seen += text;
      });
      const replayed = "PUT\nwatched/a\n1\nPUT\nwatched/a\n2\nDELETE\nwatched/a\n";
      await eventually("the replay", () => assert.equal(seen.replaceAll(/\n+/g, "\n"), replayed), { withinMs: 10_000 });
      await ctl.say(["put", "watched/b", "live"]);
      await eventually("the live event", () => assert.match(seen, /PUT\nwatched\/b\nlive\n$/), { withinMs: 10_000 });
    } finally {
      watcher.kill("SIGKILL");
    }
  });

  test("a lease ends and takes its keys along", async () => {
    const granted = await ctl.say(["lease", "grant", "2"]);
    const id = /^lease ([0-9a-f]+) granted with TTL\(2s\)$/.exec(granted)?.[1];
    assert.ok(id !== undefined, granted);
    await ctl.say(["put", "leased", "for a while", `--lease=${id}`]);
    assert.match(
      await ctl.say(["lease", "timetolive", id, "--keys"]),
      /granted with TTL\(2s\).*attached keys\(\[leased\]\)/,
    );
    assert.match(await ctl.say(["lease", "list"]), new RegExp(id));
    assert.equal(await ctl.say(["get", "leased", "--print-value-only"]), "for a while");
    await eventually("the key is gone", async () => assert.equal(await ctl.say(["get", "leased"]), ""), {
      withinMs: 15_000,
      everyMs: 250,
    });
    assert.match(await ctl.say(["lease", "timetolive", id]), /already expired/);
  });

  test("a lease that is revoked takes its keys along at once; one kept alive lives", async () => {
    const id = (await ctl.say(["lease", "grant", "600"])).split(" ")[1] as string;
    await ctl.say(["put", "revoked/a", "1", `--lease=${id}`]);
    await ctl.say(["put", "revoked/b", "2", `--lease=${id}`]);
    assert.match(await ctl.say(["lease", "keep-alive", id, "--once"]), /keepalived with TTL\(600\)/);
    assert.match(await ctl.say(["lease", "revoke", id]), /revoked/);
    assert.equal(await ctl.say(["get", "revoked/", "--prefix"]), "");
    const again = await ctl.try(["lease", "revoke", id]);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /etcdserver: requested lease not found/);
  });

  test("endpoint health and status tell of all members", async () => {
    const health = await ctl.try(["endpoint", "health"]);
    assert.equal(health.code, 0, health.stderr);
    for (const endpoint of cluster.endpoints) {
      assert.match(health.stdout + health.stderr, new RegExp(`${endpoint} is healthy`));
    }
    const rows = (await ctl.say(["endpoint", "status"])).split("\n").map((line) => line.split(", "));
    assert.deepEqual(
      rows.map((row) => row[0]),
      cluster.endpoints,
    );
    assert.equal(rows.filter((row) => row[4] === "true").length, 1, "one leader");
    assert.equal(new Set(rows.map((row) => row[1])).size, 3, "three ids");
    assert.equal(new Set(rows.map((row) => row[6])).size, 1, "one term");
    for (const row of rows) assert.match(row[2] as string, /^\d+\.\d+\.\d+/, "the version is one that tools can read");
  });

  test("endpoint hashkv is the same on all members", async () => {
    await eventually(
      "equal hashes",
      async () => {
        const rows = (await ctl.say(["endpoint", "hashkv"])).split("\n").map((line) => line.split(", ")[1]);
        assert.equal(rows.length, 3);
        assert.equal(new Set(rows).size, 1, rows.join(" "));
      },
      { withinMs: 10_000 },
    );
  });

  test("move-leader hands leadership to the member it names", async () => {
    const leader = await cluster.leader();
    const heir = cluster.others(leader)[0];
    assert.ok(heir !== undefined);
    const id = (await heir.client.status()).header?.memberId.toString(16);
    assert.ok(id !== undefined);
    const said = await new Etcdctl(cluster.endpoints).say(["move-leader", id]);
    assert.match(said, /Leadership transferred from [0-9a-f]+ to /);
    await eventually("the heir leads", async () => assert.equal((await cluster.leader()).name, heir.name), {
      withinMs: 10_000,
    });
    assert.equal(await ctl.say(["put", "after the transfer", "works"]), "OK");
  });

  test("lock excludes a second holder until the first is gone", async () => {
    const first = spawn("etcdctl", ctl.arguments(["lock", "the-lock"]), {
      env: { ...process.env, ETCDCTL_API: "3" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let held = "";
    first.stdout.setEncoding("utf8").on("data", (text: string) => {
      held += text;
    });
    try {
      await eventually("the first has it", () => assert.match(held, /^the-lock\/[0-9a-f]+\n/), { withinMs: 10_000 });
      const second = ctl.say(["lock", "the-lock", "echo", "mine"], { timeoutMs: 30_000 });
      await eventually(
        "the second waits in line",
        async () => {
          const waiting = await ctl.say(["get", "the-lock/", "--prefix", "--keys-only"]);
          assert.equal(waiting.split(/\n+/).filter((line) => line !== "").length, 2);
        },
        { withinMs: 10_000 },
      );
      first.kill("SIGINT");
      assert.equal(await second, "mine");
    } finally {
      first.kill("SIGKILL");
    }
  });

  test("compaction forgets the past and says so", async () => {
    await ctl.say(["put", "compacted", "1"]);
    const { revision } = (await ctl.json<RangeJson>(["get", "compacted"])).header;
    await ctl.say(["put", "compacted", "2"]);
    await ctl.say(["put", "compacted", "3"]);
    assert.equal(await ctl.say(["compact", String(revision + 1)]), `compacted revision ${revision + 1}`);
    assert.equal(
      await ctl.say(["get", "compacted", `--rev=${revision + 1}`, "--print-value-only"]),
      "2",
      "the revision it names can still be read",
    );
    for (const args of [
      ["get", "compacted", `--rev=${revision}`],
      ["compact", String(revision)],
    ]) {
      const outcome = await ctl.try(args);
      assert.notEqual(outcome.code, 0, args.join(" "));
      assert.match(outcome.stderr, /etcdserver: mvcc: required revision has been compacted/);
    }
    const watch = await ctl.try(["watch", "compacted", `--rev=${revision}`]);
    assert.notEqual(watch.code, 0);
    assert.match(watch.stderr, /etcdserver: mvcc: required revision has been compacted/);
    const future = await ctl.try(["compact", String(revision + 1_000_000)]);
    assert.match(future.stderr, /etcdserver: mvcc: required revision is a future revision/);
  });

  test("alarm list is empty, member list has a line for each", async () => {
    assert.equal(await ctl.say(["alarm", "list"]), "");
    assert.equal((await ctl.say(["member", "list"])).split("\n").length, 3);
  });
});
