/** Refuses options that cannot work, before anything is started with them. */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { EngineOptions } from "../engine.ts";

function demand(condition: boolean, message: string): void {
  if (!condition) throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

const positive = [
  "electionTimeoutMs",
  "heartbeatIntervalMs",
  "diskStallMs",
  "maxMessageBytes",
  "maxInflightMessages",
  "maxInflightBytes",
  "maxUncommittedBytes",
] as const;

/** @throws QuorateError `CONFIG` naming the option, its value and what it should be. */
export function checkOptions(options: EngineOptions): void {
  const { id, electionTimeoutMs, heartbeatIntervalMs, clockDriftMs, leaseReads, priority } = options;
  demand(id > 0n && id < 1n << 64n, `member id ${id} must be from 1 to 2^64-1`);
  for (const option of positive) {
    const value = options[option];
    demand(Number.isFinite(value) && value > 0, `${option} is ${value}: it must be a number above 0`);
  }
  demand(
    electionTimeoutMs >= 2 * heartbeatIntervalMs,
    `electionTimeoutMs is ${electionTimeoutMs}: it must be at least twice heartbeatIntervalMs (${heartbeatIntervalMs}), better ten times`,
  );
  demand(electionTimeoutMs < 2 ** 31, `electionTimeoutMs is ${electionTimeoutMs}: it must be below 2^31`);
  demand(Number.isFinite(clockDriftMs) && clockDriftMs >= 0, `clockDriftMs is ${clockDriftMs}: it must be 0 or more`);
  demand(
    !leaseReads || clockDriftMs < electionTimeoutMs - heartbeatIntervalMs,
    `clockDriftMs is ${clockDriftMs}: with leaseReads it must be below electionTimeoutMs - heartbeatIntervalMs (${electionTimeoutMs - heartbeatIntervalMs})`,
  );
  demand(
    Number.isInteger(priority) && Math.abs(priority) < 2 ** 31,
    `priority is ${priority}: it must be an integer between -2^31 and 2^31`,
  );
}
