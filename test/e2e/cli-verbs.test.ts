/** Every client verb as a user types it, against a cluster of one (of etcd, too: `QUORATE_TEST_TARGET=etcd`). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type CommandOutcome, type CommandSurroundings, quorate, RunningCommand } from "./command.ts";

let cluster: ClusterUnderTest;
let env: Record<string, string>;

before(async () => {
  cluster = await ClusterUnderTest.start({ size: 1 });
  env = { QUORATE_ENDPOINTS: cluster.members[0]?.endpoint ?? "" };
});
after(() => cluster?.stop());

async function cli(words: readonly string[], more: CommandSurroundings = {}): Promise<CommandOutcome> {
  return quorate(words, { ...more, env: { ...env, ...more.env } });
}

/** The output of a command that must succeed. */
async function done(words: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await cli(words, input === undefined ? {} : { input });
  assert.equal(code, 0, `quorate ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** What a command that must fail says. */
async function refused(words: readonly string[], code: number, input?: string): Promise<string> {
  const outcome = await cli(words, input === undefined ? {} : { input });
  assert.equal(outcome.code, code, `quorate ${words.join(" ")}: ${outcome.stdout}${outcome.stderr}`);
  assert.match(outcome.stderr, /^[^\n]+\n$/, "not one line");
  return outcome.stderr;
}

/** What a screen would show. */
function shown(stdout: string): string {
  return Buffer.from(stdout, "latin1").toString("utf8");
}

function json(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

describe("put, get, del", () => {
  test("a key is written, read, read as it was, and deleted", async () => {
    assert.equal(await done(["put", "kv/a", "one"]), "OK\n");
    assert.equal(await done(["put", "kv/a", "two", "--prev-kv"]), "OK\nkv/a\none\n");
    assert.equal(await done(["get", "kv/a"]), "kv/a\ntwo\n");
    const [kv] = json(await done(["get", "kv/a", "-w", "json"]))["kvs"] as {
      mod_revision: number;
      version: number;
      value: string;
    }[];
    assert.equal(kv?.version, 2);
    assert.equal(kv?.value, Buffer.from("two").toString("base64"));
    assert.equal(await done(["get", "kv/a", "--rev", String((kv?.mod_revision ?? 0) - 1)]), "kv/a\none\n");
    assert.match(shown(await done(["get", "kv/a", "-w", "table"])), /│ kv\/a │ two {3}│/);
    assert.equal(await done(["del", "kv/a"]), "1\n");
    assert.equal(await done(["get", "kv/a"]), "");
    assert.equal(await done(["del", "kv/a"]), "0\n");
  });

  test("any bytes come from standard input and go out as they were", async () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    await done(["put", "kv/bytes"], value);
    const out = await done(["get", "kv/bytes", "--print-value-only"]);
    assert.equal(out, `${Buffer.from(value).toString("latin1")}\n`);
  });

  test("ranges: prefix, end, order, limit, count, keys", async () => {
    for (const [key, value] of ["c", "a", "b"].entries()) await done(["put", `range/${value}`, String(key)]);
    assert.equal(await done(["get", "range/", "--prefix", "--keys-only"]), "range/a\nrange/b\nrange/c\n");
    assert.equal(await done(["get", "range/a", "range/c", "--print-value-only"]), "1\n2\n");
    const newest = ["get", "range/", "--prefix", "--sort-by=CREATE", "--order=DESCEND", "--limit=1", "--keys-only"];
    assert.equal(await done(newest), "range/b\n");
    assert.equal(await done(["get", "range/", "--prefix", "--count-only"]), "3\n");
    assert.equal(
      await done(["get", "range/b", "--from-key", "--limit", "2", "--consistency", "s", "--keys-only"]),
      "range/b\nrange/c\n",
    );
    assert.equal(await done(["del", "range/", "--prefix"]), "3\n");
  });

  test("options may stand before the verb, and a value that begins with a dash behind --", async () => {
    const { code } = await quorate(["--endpoints", env["QUORATE_ENDPOINTS"] ?? "", "put", "kv/dash", "--", "-v"]);
    assert.equal(code, 0);
    assert.equal(await done(["get", "kv/dash", "--print-value-only", "--hex"]), "\\x2d\\x76\n");
  });

  test("the server's refusals are one line and exit code 1", async () => {
    assert.equal(await refused(["put", "", "x"], 1), "Error: etcdserver: key is not provided\n");
    assert.equal(
      await refused(["get", "x", "--rev", "99999999"], 1),
      "Error: etcdserver: mvcc: required revision is a future revision\n",
    );
    assert.equal(
      await refused(["put", "x", "y", "--lease", "123abc"], 1),
      "Error: etcdserver: requested lease not found\n",
    );
  });

  test("wrong use is one line and exit code 2, before anything is sent", async () => {
    assert.match(await refused(["get"], 2), /^quorate: missing required argument 'key' \(see quorate get --help\)$/m);
    assert.match(await refused(["put", "k"], 2), /^quorate: put has no value/);
    assert.match(
      await refused(["get", "a", "b", "--prefix"], 2),
      /^quorate: range_end and --prefix contradict each other/,
    );
    assert.match(await refused(["get", "a", "--limit", "few"], 2), /'--limit <number>' argument 'few' is invalid/);
    assert.match(await refused(["get", "a", "-w", "xml"], 2), /^quorate: --write-out "xml" is no output format/);
    assert.match(await refused(["frobnicate"], 2), /^quorate: unknown command 'frobnicate' \(see quorate --help\)/);
    assert.match(
      await refused(["get", "a", "--endpoints", "nowhere"], 2),
      /^quorate: --endpoints "nowhere" is not host:port/,
    );
    assert.match(
      await refused(["get", "a", "--command-timeout", "5"], 2),
      /^quorate: --command-timeout "5" is not a time/,
    );
    assert.match(
      await refused(["lease", "revoke", "xyz"], 2),
      /'xyz' is invalid for argument 'id'\. It must be a hexadecimal id/,
    );
  });
});

test("a member that is down is passed over; if all are, each is named", async () => {
  assert.equal((await cli(["put", "down", "x", "--endpoints", `127.0.0.1:1,${env["QUORATE_ENDPOINTS"]}`])).code, 0);
  const line = await refused(["get", "down", "--endpoints", "127.0.0.1:1,127.0.0.1:2"], 1);
  assert.match(
    line,
    /^Error: cannot reach the cluster: 127\.0\.0\.1:1: connection refused; 127\.0\.0\.1:2: connection refused/,
  );
});

describe("txn", () => {
  test("does what its compares say, and shows each result", async () => {
    const text = 'ver("txn/k") = "0"\n\nput txn/k "first \\x41"\nget txn/k\n\nget txn/k --print-value-only\n';
    assert.equal(await done(["txn"], text), "SUCCESS\n\nOK\n\ntxn/k\nfirst A\n");
    assert.equal(await done(["txn"], text), "FAILURE\n\nfirst A\n");
    const reply = json(await done(["txn", "-w", "json"], 'val("txn/k") = "first A"\n\ndel txn/k\n'));
    assert.equal(reply["succeeded"], true);
    assert.match(JSON.stringify(reply), /"response_delete_range":\{.*"deleted":1/);
  });

  test("a line that cannot be read is named, and nothing is done", async () => {
    assert.match(await refused(["txn"], 2, "\nput txn/x\n"), /^quorate: line 2: put needs a value/);
    assert.equal(await done(["get", "txn/x"]), "");
  });
});

describe("watch", () => {
  test("replays the past, then goes on with what happens", async () => {
    await done(["put", "w/a", "1"]);
    const [kv] = json(await done(["get", "w/a", "-w", "json"]))["kvs"] as { mod_revision: number }[];
    await done(["put", "w/a", "2"]);
    const watch = new RunningCommand(["watch", "w/", "--prefix", "--prev-kv", "--rev", String(kv?.mod_revision)], {
      env,
    });
    await watch.says(/^PUT\nw\/a\n1\nPUT\nw\/a\n1\nw\/a\n2\n$/);
    await done(["del", "w/a"]);
    await watch.says(/DELETE\nw\/a\n2\nw\/a\n\n$/);
    watch.signal("SIGINT");
    assert.equal((await watch.ended()).stderr, "");
  });

  test("goes on when its member was killed and is back, without losing or repeating an event", async () => {
    await done(["put", "w/resume", "1"]);
    const [kv] = json(await done(["get", "w/resume", "-w", "json"]))["kvs"] as { mod_revision: number }[];
    const watch = new RunningCommand(["watch", "w/resume", "--rev", String(kv?.mod_revision)], { env });
    await watch.says(/PUT\nw\/resume\n1\n/);
    const [member] = cluster.members;
    await member?.end("SIGKILL");
    await watch.says(/watch interrupted, going on: /);
    member?.start();
    await cluster.ready();
    await done(["put", "w/resume", "2"]);
    await watch.says(/w\/resume\n2\n/);
    watch.signal("SIGINT");
    assert.equal((await watch.ended()).stdout, "PUT\nw/resume\n1\nPUT\nw/resume\n2\n");
  });

  test("of history that is gone says from where on there is some", async () => {
    const { revision } = json(await done(["put", "w/compacted", "1", "-w", "json"]))["header"] as { revision: number };
    assert.equal(await done(["compaction", String(revision)]), `compacted revision ${revision}\n`);
    assert.match(
      await refused(["watch", "w/compacted", "--rev", "2"], 1),
      new RegExp(`^Error: changes from revision 2 on are not there any more, only from ${revision} on`),
    );
    assert.match(await refused(["compaction", String(revision)], 1), /required revision has been compacted/);
  });
});

test("lease: grant, bind, ask, keep alive, list, revoke", async () => {
  assert.equal(await done(["lease", "grant", "500", "--id", "abc"]), "lease 0000000000000abc granted with TTL(500s)\n");
  await done(["put", "lease/k", "x", "--lease", "abc"]);
  const asked = /^lease 0000000000000abc granted with TTL\(500s\), remaining\(\d+s\), attached keys\(\[lease\/k\]\)\n$/;
  assert.match(await done(["lease", "timetolive", "abc", "--keys"]), asked);
  assert.equal(
    await done(["lease", "keep-alive", "abc", "--once"]),
    "lease 0000000000000abc keepalived with TTL(500)\n",
  );
  assert.match(await done(["lease", "list"]), /^found 1 leases\n0000000000000abc\n$/);
  assert.deepEqual(json(await done(["lease", "list", "-w", "json"]))["leases"], [{ id: 0xabc }]);
  assert.equal(await done(["lease", "revoke", "abc"]), "lease 0000000000000abc revoked\n");
  assert.equal(await done(["get", "lease/k"]), "");
  assert.equal(await done(["lease", "timetolive", "abc"]), "lease 0000000000000abc already expired\n");
  assert.equal(
    await refused(["lease", "keep-alive", "abc", "--once"], 1),
    "Error: lease 0000000000000abc expired or revoked\n",
  );
  assert.equal(await refused(["lease", "revoke", "abc"], 1), "Error: etcdserver: requested lease not found\n");
});

describe("the cluster", () => {
  test("endpoint status, health and hashkv", async () => {
    const at = env["QUORATE_ENDPOINTS"] ?? "";
    const [endpoint, , version, , leader] = (await done(["endpoint", "status"])).split(", ");
    assert.deepEqual([endpoint, leader], [at, "true"]);
    assert.match(version ?? "", /^\d+\.\d+\.\d+/);
    const text = await done(["endpoint", "status", "--cluster", "-w", "json"]);
    assert.match(
      text,
      /^\[\{"Endpoint":"http:\/\/[^"]+","Status":\{"header":\{"cluster_id":\d+,"member_id":\d+,"revision":\d+,"raft_term":\d+\},"version":/,
    );
    assert.match(
      await done(["endpoint", "health"]),
      /^[\d.:]+ is healthy: successfully committed proposal: took = [\d.]+m?s\n$/,
    );
    assert.match(await done(["endpoint", "hashkv"]), /^[\d.:]+, \d+\n$/);
    const { code, stdout, stderr } = await cli([
      "endpoint",
      "health",
      "--endpoints",
      `127.0.0.1:1,${at}`,
      "-w",
      "json",
    ]);
    assert.equal(code, 1);
    assert.deepEqual(
      (JSON.parse(stdout) as { health: boolean }[]).map(({ health }) => health),
      [false, true],
    );
    assert.equal(stderr, "Error: unhealthy cluster: 1 of 2 endpoints\n");
  });

  test("member list, add, update, remove", async () => {
    const [row = ""] = (await done(["member", "list"])).split("\n");
    assert.match(row, /^[0-9a-f]+, started, [^,]+, http:\/\/127\.0\.0\.1:\d+, http:\/\/127\.0\.0\.1:\d+, false$/);
    const added = await done(["member", "add", "more", "--peer-urls", "http://127.0.0.1:1", "--learner"]);
    const id = /^Member ([0-9a-f]+) added to cluster [0-9a-f]+\n/.exec(added)?.[1] ?? "";
    assert.match(
      added,
      /QUORATE_NAME="more"\n.*more=http:\/\/127\.0\.0\.1:1.*\n.*URLS="http:\/\/127\.0\.0\.1:1"\nQUORATE_INITIAL_CLUSTER_STATE="existing"\n$/,
    );
    assert.match(
      shown(await done(["member", "list", "-w", "table"])),
      /│ unstarted │ +│ http:\/\/127\.0\.0\.1:1 +│ +│ true +│/,
    );
    assert.match(
      await refused(["member", "promote", id], 1),
      /can only promote a learner member which is in sync with leader/,
    );
    assert.match(
      await done(["member", "update", id, "--peer-urls", "http://127.0.0.1:2"]),
      /^Member [0-9a-f]+ updated in cluster/,
    );
    assert.match(await done(["member", "remove", id]), /^Member [0-9a-f]+ removed from cluster [0-9a-f]+\n$/);
    assert.equal((json(await done(["member", "list", "-w", "json"]))["members"] as unknown[]).length, 1);
    assert.match(await refused(["member", "remove", "1"], 1), /etcdserver: member not found/i);
    assert.match(
      await refused(["member", "add", "x", "--peer-urls", "nowhere"], 2),
      /^quorate: --peer-urls "nowhere" is no URL/,
    );
  });

  test("move-leader to who cannot lead, and versions", async () => {
    assert.equal(await refused(["move-leader", "123"], 1), "Error: etcdserver: bad leader transferee\n");
    const own = (await quorate(["version"])).stdout;
    assert.match(own, /^quorate \d+\.\d+\.\d+\n$/);
    assert.match(await done(["version"]), /^quorate [\d.]+\n127\.0\.0\.1:\d+ \d+\.\d+\.\d+/);
  });
});
