import assert from "node:assert/strict";
import { test } from "node:test";
import { shutDown } from "./shutdown.ts";

test("a replica whose snapshot waits for a full disk can stop: the storage gives it up before it is closed", async () => {
  const steps: string[] = [];
  const givenUp = Promise.withResolvers<void>();
  const step = (name: string) => async (): Promise<void> => void steps.push(name);
  await shutDown({
    server: { close: step("server closed") },
    replica: {
      async stop() {
        steps.push("replica stops");
        await givenUp.promise;
        steps.push("replica stopped");
      },
    },
    transport: { close: step("transport closed") },
    storage: {
      async finish() {
        steps.push("storage gives up");
        givenUp.resolve();
      },
      close: step("storage closed"),
    },
  });
  assert.deepEqual(steps, [
    "server closed",
    "replica stops",
    "storage gives up",
    "replica stopped",
    "transport closed",
    "storage closed",
  ]);
});
