/** `lock`, `semaphore` and `elect` around commands that end, fork, and do not want to end, with real processes. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type CommandOutcome, quorate, RunningCommand } from "./command.ts";
import { isRunning, stateOf } from "./processes.ts";

let cluster: ClusterUnderTest;
let env: Record<string, string>;

before(async () => {
  cluster = await ClusterUnderTest.start({ size: 1 });
  // A busy machine may take its time.
  env = { QUORATE_ENDPOINTS: cluster.member(0).endpoint, QUORATE_DIAL_TIMEOUT: "20s", QUORATE_COMMAND_TIMEOUT: "20s" };
});
after(async () => {
  RunningCommand.killAll();
  await cluster?.stop();
});

function cli(...words: readonly string[]): Promise<CommandOutcome> {
  return quorate(words, { env });
}

function start(...words: readonly string[]): RunningCommand {
  return new RunningCommand(words, { env });
}

/** A shell that says its process id and that of a child in the background; both ignore SIGTERM, and say the time. */
const STUBBORN = `trap "" TERM; (while :; do sleep 0.1; done) & echo pids $$ $!; while :; do date +%s%N; sleep 0.05; done`;

async function pidsOf(command: RunningCommand): Promise<number[]> {
  const [, first, second] = await command.says(/pids (\d+) (\d+)\n/);
  return [Number(first), Number(second)];
}

/** When a stubborn command last said that it runs, nanoseconds. */
function lastSaid(stdout: string): bigint {
  const [, last = "0"] = [...stdout.matchAll(/^(\d{19})$/gm)].at(-1) ?? [];
  return BigInt(last);
}

interface ListedStanding {
  readonly standing: readonly { readonly holds: boolean; readonly lease: number; readonly label: string }[];
}

async function standing(...words: readonly string[]): Promise<ListedStanding["standing"]> {
  const { stdout, stderr, code } = await cli(...words, "--list", "-w", "json");
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as ListedStanding).standing;
}

/** Waits until so many hold or wait. */
async function inLine(number: number, ...words: readonly string[]): Promise<void> {
  await eventually(`${number} are in line`, async () => assert.equal((await standing(...words)).length, number), {
    withinMs: 60_000,
  });
}

describe("exit codes", { timeout: 240_000 }, () => {
  test("are the command's own, 128 + its signal, or those of the help", async () => {
    assert.equal((await cli("lock", "codes", "--", "sh", "-c", "exit 7")).code, 7);
    assert.equal((await cli("lock", "codes", "--", "sh", "-c", "kill -USR2 $$")).code, 128 + 12);
    assert.deepEqual(await cli("lock", "codes", "--", "no-such-command"), {
      code: 127,
      signal: null,
      stdout: "",
      stderr: "quorate: no-such-command: command not found\n",
    });
    assert.equal((await cli("lock", "codes", "--", "/dev/null")).code, 126);
    const nowhere = await cli(
      "lock",
      "codes",
      "--endpoints",
      "127.0.0.1:1",
      "--command-timeout",
      "500ms",
      "--",
      "true",
    );
    assert.equal(nowhere.code, 69);
    assert.match(nowhere.stderr, /^Error: .*127\.0\.0\.1:1: connection refused\n$/);
  });

  test("are 2 for what cannot be used", async () => {
    for (const [words, message] of [
      [["lock", "a", "--ttl", "soon"], /'--ttl <duration>' argument 'soon' is invalid/],
      [["lock", "a", "--grace", "9s"], /--grace 9s is more than half of --ttl 10s/],
      [["lock", "a", "--read", "--write"], /contradict each other/],
      [["lock", "a//b"], /"a\/\/b" cannot name a lock/],
      [["semaphore", "a"], /--permits <number>' not specified/],
      [["semaphore", "a", "--permits", "1", "--take", "2"], /--take 2 is more than --permits 1/],
      [["elect", "a", "--timeout", "0", "true"], /--timeout 0 cannot be had here/],
      [["elect", "a", "--observe", "--number", "1"], /--observe is no candidate/],
      [["counter", "add", "a", "some"], /'some' is invalid for argument 'number'/],
    ] as const) {
      const { code, stderr } = await cli(...words);
      assert.equal(code, 2, words.join(" "));
      assert.match(stderr, message);
    }
  });
});

test("a command has standard input and what it holds in its environment", { timeout: 60_000 }, async () => {
  const script = 'cat; echo "$QUORATE_LOCK_NAME $QUORATE_LOCK_KEY $QUORATE_FENCE $QUORATE_LEASE"';
  const { stdout, code } = await quorate(["lock", "env", "--", "sh", "-c", script], { env, input: "in\n" });
  assert.equal(code, 0);
  assert.match(stdout, /^in\nenv lock\/env\/\/([0-9a-f]+)\.1 \d+ \1\n$/);
});

test("one after the other, in their order, with growing fences", { timeout: 120_000 }, async () => {
  const first = start(
    "lock",
    "order",
    "--label",
    "first",
    "--",
    "sh",
    "-c",
    'echo "fence $QUORATE_FENCE"; exec sleep 1000',
  );
  const [, fence] = await first.says(/fence (\d+)/);
  const second = start("lock", "order", "--label", "second", "--", "sh", "-c", 'echo "fence $QUORATE_FENCE"');
  await inLine(2, "lock", "order");
  const third = start("lock", "order", "--", "true");
  await inLine(3, "lock", "order");
  assert.deepEqual(
    (await standing("lock", "order")).slice(0, 2).map(({ holds, label }) => [holds, label]),
    [
      [true, "first"],
      [false, "second"],
    ],
  );
  assert.deepEqual((await cli("lock", "order", "--timeout", "0", "--", "true")).code, 75);
  const late = await cli("lock", "order", "--timeout", "300ms", "--", "true");
  assert.deepEqual([late.code, late.stderr], [75, 'quorate: "order" was not to be had within 300ms\n']);
  // Who waits leaves the line when it is asked to end.
  third.signal("SIGTERM");
  assert.equal((await third.ended()).code, 143);
  assert.equal((await standing("lock", "order")).length, 2);
  first.signal("SIGTERM");
  assert.equal((await first.ended()).code, 143);
  const [, next] = /fence (\d+)/.exec((await second.ended()).stdout) ?? [];
  assert.ok(Number(next) > Number(fence));
});

test("signals are handed on to the command, which decides", { timeout: 60_000 }, async () => {
  for (const [signal, name] of [
    ["SIGINT", "INT"],
    ["SIGHUP", "HUP"],
  ] as const) {
    const script = `trap "exit 9" ${name}; echo ready; while :; do sleep 0.1; done`;
    const command = start("lock", `signals-${name}`, "--", "sh", "-c", script);
    await command.says(/ready/);
    command.signal(signal);
    assert.equal((await command.ended()).code, 9);
  }
});

test("Ctrl-Z stops the command and who watches over it; both go on together", { timeout: 60_000 }, async () => {
  const command = start("lock", "stopped", "--ttl", "60s", "--", "sh", "-c", STUBBORN);
  const [pid = 0] = await pidsOf(command);
  const both = (): string => stateOf(command.pid) + stateOf(pid);
  command.signal("SIGTSTP");
  // D: a shell that starts a command waits within vfork for a child that was stopped before it could begin.
  await eventually("both are stopped", () => assert.match(both(), /^T[TD]$/), { withinMs: 30_000 });
  command.signal("SIGCONT");
  await eventually("both go on", () => assert.doesNotMatch(both(), /T/), { withinMs: 30_000 });
  process.kill(-pid, "SIGKILL");
  assert.equal((await command.ended()).code, 137);
});

test("what a command leaves behind is ended before the lock is released", { timeout: 60_000 }, async () => {
  const script = `trap "" TERM; (while :; do sleep 0.1; done) & echo pids $$ $!`;
  const command = start("lock", "leftover", "--grace", "200ms", "--", "sh", "-c", script);
  const [, left] = await pidsOf(command);
  assert.equal((await command.ended()).code, 0);
  assert.equal(isRunning(left ?? 0), false);
});

test("without a command it is held until Ctrl-C", { timeout: 60_000 }, async () => {
  const command = start("lock", "bare", "-w", "json");
  await command.says(/\{"name":"bare","fence":\d+,"lease":\d+,"key":"lock\/bare\/\/[0-9a-f]+\.1"\}\n/);
  assert.equal((await standing("lock", "bare")).length, 1);
  command.signal("SIGINT");
  assert.equal((await command.ended()).code, 0);
  assert.equal((await standing("lock", "bare")).length, 0);
});

describe("when it is lost, the whole group is ended", { timeout: 240_000 }, () => {
  test("at once when its lease is revoked or its key deleted", async () => {
    for (const way of ["revoked", "deleted"]) {
      const command = start("lock", way, "--", "sh", "-c", STUBBORN);
      const pids = await pidsOf(command);
      const [, lease = ""] = /^holds, \d+, ([0-9a-f]+), /.exec((await cli("lock", way, "--list")).stdout) ?? [];
      const { code: done } = await (way === "revoked"
        ? cli("lease", "revoke", lease)
        : cli("del", `lock/${way}//`, "--prefix"));
      assert.equal(done, 0);
      const { code, stderr } = await command.ended();
      assert.equal(code, 74);
      assert.match(stderr, /^quorate: .*: ending the command\n/);
      assert.deepEqual(pids.map(isRunning), [false, false]);
    }
  });

  test("before another can hold it, when this process is stopped or killed", async () => {
    for (const signal of ["SIGSTOP", "SIGKILL"] as const) {
      const name = `unable-${signal}`;
      const command = start("lock", name, "--ttl", "4s", "--", "sh", "-c", STUBBORN);
      const pids = await pidsOf(command);
      const next = start("lock", name, "--", "date", "+%s%N");
      await inLine(2, "lock", name);
      command.signal(signal);
      const { stdout, code, stderr } = await next.ended();
      assert.equal(code, 0, stderr);
      assert.deepEqual(pids.map(isRunning), [false, false]);
      if (signal === "SIGSTOP") {
        command.signal("SIGCONT");
        assert.equal((await command.ended()).code, 74);
      }
      const lastOfFirst = lastSaid(command.stdout);
      assert.ok(lastOfFirst > 0n && lastOfFirst < lastSaid(stdout), `${lastOfFirst} is not before ${stdout}`);
    }
  });

  test("with SIGTERM and time to end when the cluster is gone, with SIGKILL after that", async () => {
    const polite = start(
      "lock",
      "polite",
      "--ttl",
      "6s",
      "--",
      "sh",
      "-c",
      'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done',
    );
    await polite.says(/ready/);
    const stubborn = start("lock", "stubborn", "--ttl", "6s", "--grace", "500ms", "--", "sh", "-c", STUBBORN);
    const pids = await pidsOf(stubborn);
    await cluster.member(0).end("SIGKILL");
    try {
      const end = await polite.ended();
      assert.equal(end.code, 74);
      assert.match(end.stdout, /bye/);
      assert.match(end.stderr, /lock "polite" could not be kept alive .*: ending the command/);
      assert.equal((await stubborn.ended()).code, 74);
      assert.deepEqual(pids.map(isRunning), [false, false]);
    } finally {
      cluster.member(0).start();
      await cluster.ready();
    }
  });

  test("but not while it is renewed: an outage shorter than the lease ends nothing", async () => {
    const command = start(
      "lock",
      "outage",
      "--ttl",
      "60s",
      "--",
      "sh",
      "-c",
      'trap "exit 5" HUP; echo ready; while :; do sleep 0.1; done',
    );
    await command.says(/ready/);
    await cluster.member(0).end("SIGKILL");
    cluster.member(0).start();
    await cluster.ready();
    command.signal("SIGHUP");
    assert.equal((await command.ended()).code, 5);
  });
});
