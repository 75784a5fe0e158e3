import type { HealthCheck } from "../registry/health.ts";

/** How often a check is made, and what its answers count. */
export type CheckTiming = Pick<HealthCheck, "everyMs" | "timeoutMs" | "rise" | "fall">;
