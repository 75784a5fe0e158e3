/** Refuses options that cannot work, before anything is started with them. */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { name } from "../parts/name.ts";
import type { BullyOptions } from "./contract.ts";
import { checkMembers } from "./members.ts";

const times = ["heartbeatIntervalMs", "leaderTimeoutMs", "answerTimeoutMs", "coordinatorTimeoutMs"] as const;
const mostMembers = 65_536;

function demand(condition: boolean, message: string): void {
  if (!condition) throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

/** @throws QuorateError `CONFIG` naming the option, its value and what it should be. */
export function checkBullyOptions(options: BullyOptions): void {
  const { id, incarnation, members, maxMembers } = options;
  const { heartbeatIntervalMs, leaderTimeoutMs, answerTimeoutMs, coordinatorTimeoutMs } = options;
  demand(
    Number.isInteger(incarnation) && incarnation > 0 && incarnation < 2 ** 32,
    `incarnation is ${incarnation}: it must be an integer from 1 to 2^32-1, drawn anew at each start`,
  );
  demand(
    Number.isInteger(maxMembers) && maxMembers > 0 && maxMembers <= mostMembers,
    `maxMembers is ${maxMembers}: it must be an integer from 1 to ${mostMembers}`,
  );
  for (const option of times) {
    const value = options[option];
    demand(value > 0 && value < 2 ** 31, `${option} is ${value}: it must be a number above 0 and below 2^31`);
  }
  demand(
    leaderTimeoutMs >= 2 * heartbeatIntervalMs,
    `leaderTimeoutMs is ${leaderTimeoutMs}: it must be at least twice heartbeatIntervalMs (${heartbeatIntervalMs}), better four times`,
  );
  demand(
    coordinatorTimeoutMs >= 2 * answerTimeoutMs,
    `coordinatorTimeoutMs is ${coordinatorTimeoutMs}: it must be at least twice answerTimeoutMs (${answerTimeoutMs})`,
  );
  checkMembers(members, maxMembers);
  demand(
    members.some((member) => member.id === id),
    `member ${name(id)} is not among the members: name it there, with its number`,
  );
}
