import assert from "node:assert/strict";
import { test } from "node:test";
import type { QuorateError } from "../errors.ts";
import { Reconfigurations } from "./reconfigurations.ts";

const plan = () => ({ change: { type: "removeMember" as const, id: 3n }, context: new Uint8Array([1]) });

test("at a stop a change that was proposed is of unknown outcome, one that waits did not happen", () => {
  const proposed: number[] = [];
  const reconfigurations = new Reconfigurations((id) => proposed.push(id));
  const answers: (string | undefined)[] = [];
  const done = (error: QuorateError | null): void => void answers.push(error?.code);
  reconfigurations.add(plan as never, done, 1_000);
  reconfigurations.add(plan as never, done, 1_000);
  reconfigurations.run(0, () => 7);
  assert.deepEqual(proposed, [7]);
  reconfigurations.stop();
  assert.deepEqual(answers, ["TIMEOUT", "SERVER_STOPPED"]);
});
