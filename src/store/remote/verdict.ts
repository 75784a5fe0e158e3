/**
 * What a failed call says: about the request (may it have taken effect?), and about the member that failed it (would
 * another do better?).
 *
 * A refusal says that nothing was done only where etcd's code shows that it comes before the proposal, or from applying
 * it. All else leaves a write open: the four time outs, a member that stops, a call given up, a change of leader, and
 * every answer that a connection's end or a proxy may have made up.
 */
import { GrpcStatus } from "../../errors.ts";
import type { CallFailure } from "../channel.ts";
import type { Doubt } from "./member.ts";

export interface Verdict {
  /** The request may have taken effect, or may still take it. */
  readonly effectOpen: boolean;
  /**
   * `request`: it would fail anywhere. `token`: another proof of who we are is needed. `elsewhere`: another member, or
   * the same a little later, may do it.
   */
  readonly remedy: "none" | "token" | "elsewhere";
  /** What the member is under suspicion of. */
  readonly doubt: Doubt | null;
}

const refused: Verdict = { effectOpen: false, remedy: "none", doubt: null };
const notNow: Verdict = { effectOpen: false, remedy: "elsewhere", doubt: null };
const lost: Verdict = { effectOpen: true, remedy: "elsewhere", doubt: null };
const silent: Verdict = { effectOpen: true, remedy: "elsewhere", doubt: "silent" };

/** By code, where the status alone says too little. */
const BY_CODE: Readonly<Record<string, Verdict>> = {
  NO_LEADER: { effectOpen: false, remedy: "elsewhere", doubt: "leaderless" },
  NOT_SUPPORTED_FOR_LEARNER: { effectOpen: false, remedy: "elsewhere", doubt: "leaderless" },
  TOO_MANY_REQUESTS: notNow,
  LEADER_CHANGED: lost,
  SERVER_STOPPED: { effectOpen: true, remedy: "elsewhere", doubt: "stopping" },
  TIMEOUT: silent,
  TIMEOUT_LEADER_FAIL: silent,
  TIMEOUT_CONNECTION_LOST: silent,
  TIMEOUT_WAIT_APPLIED_INDEX: silent,
  NO_SPACE: refused,
  INVALID_AUTH_TOKEN: { effectOpen: false, remedy: "token", doubt: null },
  AUTH_OLD_REVISION: { effectOpen: false, remedy: "token", doubt: null },
  /** Sent without a token to a cluster that wants one. */
  USER_EMPTY: { effectOpen: false, remedy: "token", doubt: null },
};

export function verdictOf(failure: CallFailure): Verdict {
  if (!failure.mayHaveArrived) {
    // What cannot be sent as it is cannot be sent to another either.
    return failure.status === GrpcStatus.invalidArgument ? refused : notNow;
  }
  const known = BY_CODE[failure.code];
  if (known !== undefined) return known;
  switch (failure.status) {
    case GrpcStatus.invalidArgument:
    case GrpcStatus.notFound:
    case GrpcStatus.alreadyExists:
    case GrpcStatus.permissionDenied:
    case GrpcStatus.failedPrecondition:
    case GrpcStatus.outOfRange:
    case GrpcStatus.unimplemented:
    case GrpcStatus.unauthenticated:
      return refused;
    case GrpcStatus.deadlineExceeded:
    case GrpcStatus.unavailable:
      return silent;
    case GrpcStatus.cancelled:
    case GrpcStatus.aborted:
    case GrpcStatus.internal:
      return lost;
    default:
      return { effectOpen: true, remedy: "none", doubt: null };
  }
}
