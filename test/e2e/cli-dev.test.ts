/** `quorate dev`: what a new user sees. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { freePorts } from "../support/ports.ts";
import { type CommandOutcome, quorate, RunningCommand } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-dev-"));
const started = new Set<RunningCommand>();
after(async () => {
  for (const dev of started) dev.signal("SIGKILL");
  await Promise.all([...started].map((dev) => dev.ended()));
  await eventually("its members are gone", () => assert.deepEqual(memberPids(), []), { withinMs: 30_000 });
  rmSync(folder, { recursive: true, force: true });
});

function dev(words: readonly string[]): RunningCommand {
  const running = new RunningCommand(["dev", ...words], { cwd: folder });
  started.add(running);
  return running;
}

/** Processes whose command line names our folder, by the member they run. */
function memberPids(name = ""): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
        return (
          words.includes("--report-to-parent") &&
          words.some((word) => word.startsWith(`--data-dir=${folder}/`)) &&
          (name === "" || words.includes(`--name=${name}`))
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Free ports for `members` members: base, base + 100, … and one above each. */
async function freeBasePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

const READY = /Ready after [\d.]+ s: (m\d) leads (\d members|alone)\./;

test("three members, one killed, stopped and started again with their data", async () => {
  const base = await freeBasePort();
  const data = join(folder, "three");
  const words = ["--base-port", String(base), "--data-dir", data];
  const first = dev(words);
  await first.says(READY);
  const endpoints = [base, base + 100, base + 200].map((port) => `127.0.0.1:${port}`).join(",");
  assert.match(first.stdout, /Quorate \d+\.\d+\.\d+: 3 members on this machine/);
  assert.match(first.stdout, new RegExp(`put greeting hello --endpoints 127\\.0\\.0\\.1:${base}\n`));
  assert.ok(first.stdout.includes(`etcdctl --endpoints=${endpoints} `));

  const put = await quorate(["put", "greeting", "hello", "--endpoints", endpoints]);
  assert.equal(put.code, 0, put.stderr);

  // The leader, so that leadership moves too.
  const leader = READY.exec(first.stdout)?.[1] ?? "";
  const [pid] = memberPids(leader);
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
  await first.says(new RegExp(`${leader} was killed by SIGKILL; starting it again in 0\\.5 s\n`));
  await first.says(new RegExp(`m[^${leader.slice(1)}] leads now \\(term \\d+\\)\n`));
  await first.says(new RegExp(`${leader} is back\n`));

  first.signal("SIGINT");
  const stopped = await first.ended();
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.match(stopped.stdout, /\nStopping .*\nStopped\.\n$/);
  assert.deepEqual(memberPids(), []);
  // All at once: nobody looked for a successor among those that stop as well.
  for (const name of ["m1", "m2", "m3"]) {
    const log = readFileSync(join(data, `${name}.log`), "utf8");
    assert.match(log, /stopping on the end of quorate dev/);
    assert.doesNotMatch(log, /hand leadership over/);
  }

  const second = dev(words);
  await second.says(READY);
  assert.equal((await quorate(["get", "greeting", "--endpoints", endpoints])).stdout, "greeting\nhello\n");
  const twice = await quorate(["dev", ...words], { cwd: folder });
  refused(twice, new RegExp(`port ${base} \\(client port of m1\\) is in use`));

  // When it is killed itself, its members do not stay behind.
  second.signal("SIGKILL");
  await second.ended();
  await eventually("its members have stopped", () => assert.deepEqual(memberPids(), []), { withinMs: 20_000 });
  const five = await quorate(["dev", ...words, "--members", "5"], { cwd: folder });
  refused(five, /--members 5 does not fit the data in .* made with --members 3/);
});

test("one member is enough", async () => {
  const base = await freeBasePort();
  const alone = dev(["--members", "1", "--base-port", String(base), "--data-dir", join(folder, "one")]);
  await alone.says(/Ready after [\d.]+ s: m1 leads alone\./);
  alone.signal("SIGTERM");
  assert.equal((await alone.ended()).code, 0);
});

test("what cannot work is one line and exit code 2", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--members", "0"], /'--members <number>' argument '0' is invalid\. It must be a whole number from 1 to 9\./],
    [["--members", "three"], /argument 'three' is invalid/],
    [["--base-port", "65535"], /argument '65535' is invalid/],
    [["--base-port", "65500"], /--base-port 65500 with 3 members needs ports up to 65701/],
    [["--phase2-quorum", "2"], /--phase2-quorum 2 is nothing for --engine raft, which commits with a majority/],
    [["--engine", "paxos", "--phase2-quorum", "4"], /--phase2-quorum 4 is more than --members 3: use at most that/],
    [["--engine", "viewstamped"], /There is no such engine; there is: raft/],
    [["--data-dir", "/proc/quorate"], /--data-dir "\/proc\/quorate" cannot be used/],
    [["--what"], /unknown option '--what'/],
    [["extra"], /too many arguments/],
  ];
  for (const [words, message] of cases) {
    const port = words.includes("--base-port") ? [] : ["--base-port", String(await freeBasePort())];
    refused(await quorate(["dev", ...port, ...words], { cwd: folder }), message);
  }
});

function refused({ code, stdout, stderr }: CommandOutcome, message: RegExp): void {
  assert.equal(code, 2, stdout + stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /^quorate: [^\n]+\n$/);
  assert.match(stderr, message);
}
