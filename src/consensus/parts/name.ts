import type { MemberId } from "../../environment.ts";

/** A member id for log lines. */
export function name(id: MemberId): string {
  return id.toString(16);
}
