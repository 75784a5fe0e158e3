/** `services` with real processes on a real member. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type CommandOutcome, quorate, RunningCommand } from "./command.ts";

let cluster: ClusterUnderTest;
let env: Record<string, string>;

before(async () => {
  cluster = await ClusterUnderTest.start({ size: 1 });
  env = { QUORATE_ENDPOINTS: cluster.member(0).endpoint, QUORATE_DIAL_TIMEOUT: "20s", QUORATE_COMMAND_TIMEOUT: "20s" };
});
after(async () => {
  RunningCommand.killAll();
  await cluster?.stop();
});

const services = (...words: readonly string[]): Promise<CommandOutcome> => quorate(["services", ...words], { env });

async function shows(line: RegExp, ...words: readonly string[]): Promise<void> {
  await eventually(`the list shows ${line}`, async () => assert.match((await services(...words)).stdout, line), {
    withinMs: 60_000,
  });
}

const AT = ["--address", "127.0.0.1", "--port", "8080"];

describe("services", { timeout: 600_000 }, () => {
  test("an instance is found while its command runs, and drains before that is told to end", async () => {
    const watch = new RunningCommand(["services", "watch", "shop"], { env });
    const words = ["--id", "a", ...AT, "--tag", "v1", "--zone", "x", "--weight", "2", "--linger", "100ms"];
    const script = 'trap "echo told; exit 7" TERM; echo runs; while :; do sleep 0.1; done';
    const command = new RunningCommand(["services", "register", "shop", ...words, "--", "sh", "-c", script], { env });
    await command.says(/runs\n/);
    await shows(/^shop\ta\t127\.0\.0\.1:8080\tup\t2\tx\tv1\t\n$/, "list", "shop", "--tag", "v1");
    assert.equal((await services("maintenance", "shop", "a", "--reason", "disk")).stdout, "a in maintenance\n");
    assert.equal((await services("list", "shop", "--up")).stdout, "");
    assert.match((await services("list", "-w", "table")).stdout, /maintenance.*disk/);
    assert.equal((await services("resume", "shop", "a")).code, 0);
    const listed = JSON.parse((await services("list", "shop", "-w", "json")).stdout) as {
      readonly instances: readonly { readonly state: string; readonly tags: readonly string[] }[];
    };
    assert.deepEqual([listed.instances[0]?.state, listed.instances[0]?.tags], ["up", ["v1"]]);
    command.signal("SIGTERM");
    const { code, stdout } = await command.ended();
    assert.deepEqual([code, stdout], [7, "runs\ntold\n"]);
    assert.equal((await services("list", "shop")).stdout, "");
    await watch.says(/\tdraining\t2\tx\tv1\tstopping\n\n\n/);
    watch.signal("SIGINT");
    assert.equal((await watch.ended()).code, 0);
  });

  test("checks decide whether it takes calls", async () => {
    const check = ["--check-command", "echo no disk >&2; false"];
    const command = new RunningCommand(["services", "register", "ill", "--id", "a", ...AT, ...check], { env });
    await shows(/\tdown\t.*no disk/, "list", "ill");
    command.signal("SIGINT");
    await command.ended();
    assert.equal((await services("list", "ill")).stdout, "");
  });

  test("what cannot be done is said on one line", async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["drain", "shop", "nobody"], 1, /has no instance "nobody"/],
      [["list", "a//b"], 2, /"a\/\/b" cannot name a service/],
      [["register", "shop", "--port", "1"], 2, /--address/],
      [["register", "shop", "--address", "h", "--port", "70000"], 2, /port .* is 70000/],
      [["register", "shop", "--address", "h", "--port", "1", "--meta", "x"], 2, /name=value/],
      [["register", "shop", ...AT, "--", "no-such-command"], 127, /command not found/],
    ];
    for (const [words, code, line] of cases) {
      const outcome = await services(...words);
      assert.match(outcome.stderr, line);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.equal(outcome.stderr.trimEnd().split("\n").length, 1);
    }
    const taken = new RunningCommand(["services", "register", "one", "--id", "a", ...AT], { env });
    await taken.says(/a\n/);
    const second = await services("register", "one", "--id", "a", ...AT, "--", "sleep", "100");
    assert.deepEqual([second.code, /is there already/.test(second.stderr)], [69, true]);
    taken.signal("SIGTERM");
    await taken.ended();
  });
});
