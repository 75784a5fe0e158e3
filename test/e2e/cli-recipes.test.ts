/** `semaphore`, `elect`, `counter` and read-write locks as a user types them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type CommandOutcome, quorate, RunningCommand } from "./command.ts";

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

/** A command that runs until it is told to end, once it runs. */
async function running(...words: readonly string[]): Promise<RunningCommand> {
  const command = start(...words, "--", "sh", "-c", 'echo "fence $QUORATE_FENCE"; exec sleep 1000');
  await command.says(/fence \d+\n/);
  return command;
}

function fenceOf({ stdout }: { readonly stdout: string }): number {
  return Number(/fence (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
}

async function listed(...words: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await cli(...words, "--list");
  assert.equal(code, 0, stderr);
  // State, and what comes behind the fence and the lease.
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/, \d+, [0-9a-f]+/, ""));
}

async function end(...commands: readonly RunningCommand[]): Promise<void> {
  for (const command of commands) command.signal("SIGTERM");
  for (const command of commands) assert.equal((await command.ended()).code, 143);
}

test("a semaphore lets in as many as it has permits for", { timeout: 180_000 }, async () => {
  const semaphore = ["semaphore", "s", "--permits", "3"];
  const one = await running(...semaphore, "--label", "one");
  const two = await running(...semaphore, "--label", "two", "--take", "2");
  assert.equal((await cli(...semaphore, "--timeout", "0", "--", "true")).code, 75);
  assert.deepEqual(await listed(...semaphore), ["holds, 1, one", "holds, 2, two"]);
  await end(two);
  assert.equal((await cli(...semaphore, "--timeout", "0", "--take", "2", "--", "true")).code, 0);
  const other = await cli("semaphore", "s", "--permits", "4", "--", "true");
  assert.deepEqual([other.code, /3 permits, not 4/.test(other.stderr)], [69, true]);
  await end(one);
});

test("readers hold a lock together, a writer alone", { timeout: 180_000 }, async () => {
  const one = await running("lock", "rw", "--read", "--label", "one");
  const two = await running("lock", "rw", "--read", "--label", "two");
  assert.equal((await cli("lock", "rw", "--write", "--timeout", "0", "--", "true")).code, 75);
  assert.deepEqual(await listed("lock", "rw", "--read"), ["holds, read, one", "holds, read, two"]);
  await end(one, two);
  assert.equal((await cli("lock", "rw", "--write", "--timeout", "0", "--", "true")).code, 0);
});

test("who came first leads, and all who observe are told", { timeout: 180_000 }, async () => {
  const observer = start("elect", "first", "--observe");
  await observer.says(/^nobody leads\n/);
  const one = await running("elect", "first", "--value", "one", "--label", "the first");
  await observer.says(/^\d+, [0-9a-f]+, one\n/m);
  const two = start("elect", "first", "--value", "two", "--", "sh", "-c", 'echo "fence $QUORATE_FENCE"');
  await eventually("both are candidates", async () => assert.equal((await listed("elect", "first")).length, 2), {
    withinMs: 60_000,
  });
  assert.deepEqual(await listed("elect", "first"), ["holds, one", "waits, two"]);
  await end(one);
  const second = await two.ended();
  assert.equal(second.code, 0);
  assert.ok(fenceOf(second) > fenceOf(one));
  await observer.says(/^\d+, [0-9a-f]+, two\nnobody leads\n/m);
  observer.signal("SIGINT");
  await observer.ended();
});

test("the highest number leads, and the leader before is asked to end first", { timeout: 180_000 }, async () => {
  const observer = start("elect", "ranked", "--observe", "--highest", "-w", "json");
  const script = 'trap "echo bye; exit 0" TERM; echo "fence $QUORATE_FENCE"; while :; do sleep 0.1; done';
  const low = start("elect", "ranked", "--number", "-1", "--value", "low", "--", "sh", "-c", script);
  await low.says(/fence/);
  const high = await running("elect", "ranked", "--number", "7", "--value", "high");
  const { code, stdout, stderr } = await low.ended();
  assert.equal(code, 74);
  assert.match(stdout, /bye/);
  assert.match(stderr, /^quorate: election "ranked" goes to a candidate with the number 7: ending the command\n/);
  assert.ok(fenceOf(high) > fenceOf({ stdout }));
  await observer.says(/"leader":\{"fence":\d+,"lease":\d+,"value":"high"\}\}/);
  observer.signal("SIGINT");
  await observer.ended();
  await end(high);
});

test("a counter counts, in any size", { timeout: 120_000 }, async () => {
  assert.equal((await cli("counter", "get", "n")).stdout, "0\n");
  assert.equal((await cli("counter", "add", "n")).stdout, "1\n");
  assert.equal((await cli("counter", "add", "n", "-12345678901234567890")).stdout, "-12345678901234567889\n");
  assert.equal(
    (await cli("counter", "set", "n", "5", "-w", "json")).stdout,
    '{"name":"n","value":5,"previous":-12345678901234567889}\n',
  );
  assert.match((await cli("counter", "get", "n", "-w", "table")).stdout, /n/);
  const together = await Promise.all([cli("counter", "add", "n", "10"), cli("counter", "add", "n", "20")]);
  assert.deepEqual(
    together.map(({ code }) => code),
    [0, 0],
  );
  assert.equal((await cli("counter", "get", "n")).stdout, "35\n");
});
