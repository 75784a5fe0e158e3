import assert from "node:assert/strict";
import { test } from "node:test";
import { ExitWith } from "../failure.ts";
import { DeadManSwitch } from "./dead-man-switch.ts";
import { exitCodeOfSignal, ProcessGroup } from "./process-group.ts";

const env = { PATH: process.env["PATH"] };
const PATIENCE_MS = 60_000;

async function shell(script: string): Promise<ProcessGroup> {
  const group = new ProcessGroup(["sh", "-c", script], env);
  await group.started;
  return group;
}

test("a group ends with its leader's exit code, and is gone with the last of it", async () => {
  const group = await shell("(trap '' HUP; exec sleep 1000) & exit 3");
  assert.equal(await group.ended, 3);
  assert.equal(group.isGone, false);
  assert.equal(await group.gone(50), false);
  group.signal("SIGKILL");
  assert.equal(await group.gone(PATIENCE_MS), true);
  // To nobody.
  group.signal("SIGTERM");
});

test("a leader that was killed counts as in a shell", async () => {
  const group = await shell("kill -KILL $$");
  assert.equal(await group.ended, 137);
  assert.equal(exitCodeOfSignal("SIGINT"), 130);
});

test("what cannot be started is told apart from what is not there", async () => {
  await assert.rejects(new ProcessGroup(["no-such-command"], env).started, (error) => {
    assert.ok(error instanceof ExitWith);
    assert.deepEqual([error.code, error.message], [127, "quorate: no-such-command: command not found"]);
    return true;
  });
  const none = new ProcessGroup(["/"], env);
  await assert.rejects(none.started, { code: 126 });
  // Nobody gets it, least of all this process' own group.
  none.signal("SIGKILL");
});

test("a switch that nobody resets ends the group; one that is taken back does not", async () => {
  const failed = (error: Error): never => {
    throw error;
  };
  const forgotten = await shell("trap '' TERM; while :; do sleep 0.05; done");
  using guard = new DeadManSwitch(forgotten.id, failed);
  guard.arm(PATIENCE_MS * 10);
  guard.arm(100);
  assert.equal(await forgotten.ended, 137);
  assert.equal(await forgotten.gone(PATIENCE_MS), true);

  const kept = await shell("sleep 0.6; exit 5");
  {
    using other = new DeadManSwitch(kept.id, failed);
    other.arm(300);
  }
  assert.equal(await kept.ended, 5);
});
