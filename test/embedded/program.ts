/**
 * A program with a member of its own, as a user writes one, that does what its parent tells it: started by the tests as a
 * process. One instruction after the other; each is answered.
 */

import type { Lock } from "../../src/coordination/mutex.ts";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { start } from "../../src/coordination/start.ts";
import { QuorateError } from "../../src/errors.ts";
import type { EmbeddedMemberOptions } from "../../src/server/thread/options.ts";

export type Instruction =
  | { readonly is: "start"; readonly options: EmbeddedMemberOptions }
  | { readonly is: "put"; readonly key: string; readonly value: string }
  | { readonly is: "get"; readonly key: string }
  | { readonly is: "lease"; readonly ttlSeconds: number }
  | { readonly is: "renew"; readonly lease: bigint }
  | { readonly is: "lock"; readonly name: string }
  /** Begins a put, stands still for so long, and then waits for the put. */
  | { readonly is: "block"; readonly ms: number; readonly key: string }
  | { readonly is: "held" }
  | { readonly is: "close" };

export type Outcome =
  | { readonly is: "done"; readonly value: unknown }
  | { readonly is: "failed"; readonly code: string; readonly message: string };

/** Longer than the loop is blocked, so that the session needs no renewal meanwhile. */
const SESSION_TTL_MS = 60_000;
const PATIENCE = { timeoutMs: 30_000 };

let program: Quorate | null = null;
let held: Lock | null = null;

async function follow(instruction: Instruction): Promise<unknown> {
  if (instruction.is === "start") {
    program = await start({ ...instruction.options, sessionTtlMs: SESSION_TTL_MS });
    return null;
  }
  if (program === null) throw new Error(`told to ${instruction.is} before it was started`);
  const { kv, store } = program;
  switch (instruction.is) {
    case "put":
      return (await kv.put(instruction.key, instruction.value, PATIENCE)).revision;
    case "get":
      return (await kv.get(instruction.key, PATIENCE))?.value ?? null;
    case "lease":
      return (await store.grantLease(instruction.ttlSeconds, 0n, PATIENCE)).id;
    case "renew":
      return (await store.keepLeaseAlive(instruction.lease, PATIENCE)).ttlSeconds;
    case "lock":
      held = await program.lock(instruction.name).acquire(PATIENCE);
      return held.fence;
    case "block": {
      const put = kv.put(instruction.key, "begun before", { timeoutMs: instruction.ms / 2 });
      // The request is out; now the loop stands still, longer than the request may take.
      await new Promise((resolve) => setImmediate(resolve));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, instruction.ms);
      return (await put).revision;
    }
    case "held":
      return held?.signal.aborted === false;
    case "close":
      await program.close();
      // Nothing else is open: the process ends by itself.
      setImmediate(() => process.disconnect());
      return null;
  }
}

let last: Promise<unknown> = Promise.resolve();

process.on("message", (instruction: Instruction) => {
  last = last
    .then(() => follow(instruction))
    .then(
      (value): Outcome => ({ is: "done", value }),
      (error: unknown): Outcome => {
        const message = error instanceof Error ? error.message : String(error);
        return { is: "failed", code: error instanceof QuorateError ? error.code : "", message };
      },
    )
    .then((outcome) => process.send?.(outcome));
});
