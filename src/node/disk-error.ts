import type { DiskError, DiskErrorCode } from "../environment.ts";

/** Makes an error as a disk throws it. */
export function diskError(code: DiskErrorCode, message: string, cause?: unknown): DiskError {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}
