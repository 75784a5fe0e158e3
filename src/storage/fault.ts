/** The errors this room ends with, and what a disk's error means to it. */
import { GrpcStatus, QuorateError } from "../errors.ts";

/** Whether a write failed because it did not fit: nothing was promised, it may be tried again. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

export function isTaken(error: unknown): boolean {
  return codeOf(error) === "EBUSY";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** `DATA_CORRUPT`: what was durable cannot be read back, and nothing here can make it good. */
export function corrupt(message: string, cause?: unknown): QuorateError {
  return new QuorateError("DATA_CORRUPT", GrpcStatus.dataLoss, message, { cause });
}

/** `DATA_DIR`: the data directory is not one this member may use. */
export function wrongDirectory(message: string, cause?: unknown): QuorateError {
  return new QuorateError("DATA_DIR", GrpcStatus.failedPrecondition, message, { cause });
}

/** `STORAGE_FAILED`: the store is poisoned or closed. */
export function storageFailed(message: string, cause?: unknown): QuorateError {
  return new QuorateError("STORAGE_FAILED", GrpcStatus.internal, message, { cause });
}

/** `DISK_FULL`: no room; the same call may succeed once there is. */
export function diskFull(message: string, cause?: unknown): QuorateError {
  return new QuorateError("DISK_FULL", GrpcStatus.resourceExhausted, message, { cause, retryable: true });
}

export function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
