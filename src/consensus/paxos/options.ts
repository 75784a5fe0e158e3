/** Refuses options that cannot work with Multi-Paxos, beside those that cannot work at all. */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { EngineOptions } from "../engine.ts";
import { maxMembers } from "../membership.ts";
import { checkOptions } from "../parts/options.ts";

/** @throws QuorateError `CONFIG` naming the option, its value and what it should be. */
export function checkPaxosOptions(options: EngineOptions): void {
  checkOptions(options);
  const size = options.flexibleQuorum?.phase2 ?? null;
  if (size === null || (Number.isInteger(size) && size >= 1 && size <= maxMembers)) return;
  const message = `flexibleQuorum.phase2 is ${size}: it must be an integer from 1 to ${maxMembers}, the same in the whole group`;
  throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}
