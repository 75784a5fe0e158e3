/**
 * Errors of queues, tasks and schedules, beside those of the store and of `kv/wait.ts`.
 *
 * - `INVALID_ARGUMENT`: what the caller gave cannot be used; the message names it.
 * - `FENCED`: a message or task is held no longer: its visibility ended, or its session; others may have it. Nothing was written.
 * - `QUEUE_FULL`: a bounded queue has no room, and the caller did not wait for any. Retryable.
 * - `MALFORMED`: what is at a queue's keys was not written by this library.
 * - `TASK_FAILED`: all attempts of a task failed; the message says why the last one did.
 * - `TASK_CANCELLED`: somebody cancelled it.
 * - `TASK_UNKNOWN`: there is no such task, or its result was not kept so long.
 * - `OUTCOME_UNKNOWN`: the session ended before it was known whether a message was taken.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";

export function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}

export function fenced(what: string): QuorateError {
  return new QuorateError(
    "FENCED",
    GrpcStatus.failedPrecondition,
    `${what} is held no longer, nothing was written: leave it, others have it or will get it`,
  );
}

export function queueFull(what: string, limit: number): QuorateError {
  return new QuorateError(
    "QUEUE_FULL",
    GrpcStatus.resourceExhausted,
    `${what} has its ${limit} messages: give a timeoutMs to wait for room, or send it later`,
    { retryable: true },
  );
}

export function malformed(what: string, cause?: unknown): QuorateError {
  return new QuorateError(
    "MALFORMED",
    GrpcStatus.dataLoss,
    `${what} is not as this library writes it: look who else writes there`,
    { cause },
  );
}

export function outcomeUnknown(what: string, cause: unknown): QuorateError {
  return new QuorateError(
    "OUTCOME_UNKNOWN",
    GrpcStatus.unknown,
    `${what} may or may not have been written: read before you do it again, or give an id, of which there is one`,
    { cause, retryable: false },
  );
}

export function taskFailed(id: string, reason: string): QuorateError {
  return new QuorateError("TASK_FAILED", GrpcStatus.aborted, `the task ${id} failed: ${reason}`);
}

export function taskCancelled(id: string): QuorateError {
  return new QuorateError("TASK_CANCELLED", GrpcStatus.cancelled, `the task ${id} was cancelled`);
}

export function taskUnknown(id: string): QuorateError {
  return new QuorateError(
    "TASK_UNKNOWN",
    GrpcStatus.notFound,
    `there is no task ${id}: look at its id, or keep results longer (keepMs)`,
  );
}

/** Why an attempt was ended by the clock. */
export function taskTimeout(which: "queue" | "run" | "heartbeat", ms: number): QuorateError {
  const what = { queue: "it was not begun", run: "it did not end", heartbeat: "it gave no sign of life" }[which];
  return new QuorateError("TIMEOUT", GrpcStatus.deadlineExceeded, `${what} within ${ms} ms (${which} timeout)`);
}
