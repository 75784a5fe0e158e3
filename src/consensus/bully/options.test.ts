import assert from "node:assert/strict";
import { it } from "node:test";
import { QuorateError } from "../../errors.ts";
import type { BullyOptions } from "./contract.ts";
import { checkBullyOptions } from "./options.ts";
import { soloOptions } from "./testing/bully-solo.ts";

it("options that cannot work are refused by name, with the value", () => {
  checkBullyOptions(soloOptions);
  const wrong: readonly [Partial<BullyOptions>, RegExp][] = [
    [{ incarnation: 0 }, /incarnation is 0/],
    [{ incarnation: 2 ** 32 }, /incarnation is 4294967296/],
    [{ maxMembers: 0 }, /maxMembers is 0/],
    [{ maxMembers: 65_537 }, /maxMembers is 65537/],
    [{ maxMembers: 4 }, /5 members are too many/],
    [{ heartbeatIntervalMs: 0 }, /heartbeatIntervalMs is 0/],
    [{ answerTimeoutMs: Number.NaN }, /answerTimeoutMs is NaN/],
    [{ coordinatorTimeoutMs: 2 ** 31 }, /coordinatorTimeoutMs is 2147483648/],
    [{ leaderTimeoutMs: 199 }, /leaderTimeoutMs is 199: it must be at least twice heartbeatIntervalMs \(100\)/],
    [{ coordinatorTimeoutMs: 199 }, /coordinatorTimeoutMs is 199: it must be at least twice answerTimeoutMs \(100\)/],
    [{ id: 6n }, /member 6 is not among the members/],
  ];
  for (const [change, message] of wrong) {
    assert.throws(
      () => checkBullyOptions({ ...soloOptions, ...change }),
      (error) => error instanceof QuorateError && error.code === "CONFIG" && message.test(error.message),
    );
  }
});
