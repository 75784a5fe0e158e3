/** What a call over gRPC failed with, as a store understands it: who said so, and may the request have arrived? */
import { GrpcStatus } from "../../errors.ts";
import type { CallFault } from "../../grpc/client/client-call.ts";
import { CallFailure } from "../channel.ts";

/** The member's answer is larger than it sends. */
const RESPONSE_TOO_LARGE = /^grpc: trying to send message larger than max/;
const REQUEST_TOO_LARGE = /^grpc: received message(?: after decompression)? larger than max/;
/** An error of Go's that etcd lets slip out as it is, with the status unknown: it has waited for its cluster in vain. */
const WAITED_IN_VAIN = /^context (deadline exceeded|canceled)$/;

/** What a member said. @param endpoint for people */
export function failureOf(status: number, text: string, endpoint: string): CallFailure {
  if (status === GrpcStatus.resourceExhausted && RESPONSE_TOO_LARGE.test(text)) return tooLarge(text, endpoint);
  if (status === GrpcStatus.resourceExhausted && REQUEST_TOO_LARGE.test(text)) {
    return new CallFailure("REQUEST_TOO_LARGE", GrpcStatus.invalidArgument, `${endpoint}: ${text}`, {
      mayHaveArrived: true,
    });
  }
  if (status === GrpcStatus.unknown && WAITED_IN_VAIN.test(text)) return unavailable(endpoint, text, true);
  // What members say stays as it is: it is known by its text.
  if (/^(etcdserver|quorate|auth): /.test(text)) return CallFailure.answered(status, text);
  if (status === GrpcStatus.deadlineExceeded) return overdue(endpoint, true);
  return CallFailure.answered(status, `${endpoint}: ${text === "" ? `status ${status} without a word` : text}`);
}

/** What became of a call of which no member said how it ended. @param endpoint for people */
export function failureOfFault({ why, status, text, mayHaveArrived }: CallFault, endpoint: string): CallFailure {
  switch (why) {
    case "lost":
      return unavailable(endpoint, text, mayHaveArrived);
    case "overdue":
      return overdue(endpoint, mayHaveArrived);
    case "tooLarge":
      return tooLarge(text, endpoint);
    case "broken":
      // Its code is the status' name, whatever the text.
      return new CallFailure(CallFailure.answered(status, "").code, status, `${endpoint}: ${text}`, { mayHaveArrived });
  }
}

export function unavailable(endpoint: string, why: string, mayHaveArrived: boolean, cause?: unknown): CallFailure {
  return new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, `${endpoint}: ${why}`, { cause, mayHaveArrived });
}

export function givenUp(endpoint: string, mayHaveArrived: boolean): CallFailure {
  return new CallFailure("CANCELLED", GrpcStatus.cancelled, `${endpoint}: the call was given up`, { mayHaveArrived });
}

export function unreadable(endpoint: string, path: string, cause: unknown): CallFailure {
  const message = `${endpoint} answered ${path} with what cannot be read: ${String(cause)}`;
  return new CallFailure("MALFORMED_RESPONSE", GrpcStatus.dataLoss, message, { cause, mayHaveArrived: true });
}

function overdue(endpoint: string, mayHaveArrived: boolean): CallFailure {
  return new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, `${endpoint} gave no answer in time`, {
    mayHaveArrived,
  });
}

function tooLarge(text: string, endpoint: string): CallFailure {
  return new CallFailure(
    "RESPONSE_TOO_LARGE",
    GrpcStatus.resourceExhausted,
    `${endpoint}: ${text}: ask for less at a time, or raise maxResponseBytes`,
    { mayHaveArrived: true },
  );
}
