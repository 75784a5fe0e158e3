import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { QuorateError } from "../errors.ts";
import { defaultLimits, type TransportLimits, transportLimits } from "./limits.ts";

suite("transport limits", () => {
  test("what is not given is the default", () => {
    assert.deepEqual(transportLimits(), defaultLimits);
    assert.deepEqual(transportLimits({ maxRetryMs: 50 }), { ...defaultLimits, maxRetryMs: 50 });
  });

  const bad: readonly [Partial<TransportLimits>, RegExp][] = [
    [{ pingIntervalMs: 0 }, /pingIntervalMs is 0: give a whole number of at least 1/],
    [{ maxMissedPings: 1 }, /maxMissedPings is 1: give a whole number of at least 2/],
    [{ maxUnknownPeers: -1 }, /maxUnknownPeers is -1/],
    [{ connectTimeoutMs: 1.5 }, /connectTimeoutMs is 1.5/],
    [{ handshakeTimeoutMs: Number.NaN }, /handshakeTimeoutMs is NaN/],
    [{ maxFrameBytes: 2 ** 31, maxQueueBytes: 2 ** 32 }, /maxFrameBytes is 2147483648: give at most/],
    [{ maxQueueBytes: 1000 }, /maxQueueBytes is 1000: a frame of 16777216 bytes must fit/],
    [{ maxBulkQueueBytes: 2 ** 30 }, /maxBulkQueueBytes is 1073741824, more than maxQueueBytes/],
    [{ maxRetryMs: 5 }, /maxRetryMs is 5, less than minRetryMs \(20\)/],
  ];
  for (const [given, message] of bad) {
    test(`${JSON.stringify(given)} is refused by name`, () => {
      assert.throws(
        () => transportLimits(given),
        (error: unknown) => error instanceof QuorateError && error.code === "CONFIG" && message.test(error.message),
      );
    });
  }

  test("no unknown peer at all is a choice", () => {
    assert.equal(transportLimits({ maxUnknownPeers: 0 }).maxUnknownPeers, 0);
  });
});
