import type { DiskError, DiskErrorCode } from "../environment.ts";

/** What a system call on the simulated disk fails with. */
export function diskFault(code: DiskErrorCode, message: string): DiskError {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
