/**
 * What an error of the gRPC library means: did a member say this, or is it the library's own, and may the request have
 * arrived? The library says neither but in its texts.
 */
import type { ServiceError } from "@grpc/grpc-js";
import { GrpcStatus } from "../../errors.ts";
import { CallFailure } from "../channel.ts";

/** No frame of the request was sent, or the server says that none was looked at. */
const NOT_SENT =
  /^(No connection established|Name resolution failed|Channel closed before call started|Failed to start HTTP\/2 stream|Stream refused by server)/;
/** The member's answer is larger than the library takes here, or than the member sends. */
const RESPONSE_TOO_LARGE = /^(Received message larger than max|grpc: trying to send message larger than max)/;
const REQUEST_TOO_LARGE = /^grpc: received message(?: after decompression)? larger than max/;
/** An error of Go's that etcd lets slip out as it is, with the status unknown: it has waited for its cluster in vain. */
const WAITED_IN_VAIN = /^context (deadline exceeded|canceled)$/;

/** @param endpoint for people */
export function failureOf(error: ServiceError, endpoint: string): CallFailure {
  const { code, details } = error;
  const cause = error;
  if (NOT_SENT.test(details)) return unavailable(endpoint, reasonIn(details), false, cause);
  if (code === GrpcStatus.resourceExhausted && RESPONSE_TOO_LARGE.test(details)) {
    return new CallFailure(
      "RESPONSE_TOO_LARGE",
      GrpcStatus.resourceExhausted,
      `${endpoint}: ${details}: ask for less at a time, or raise maxResponseBytes`,
      { cause, mayHaveArrived: true },
    );
  }
  if (code === GrpcStatus.resourceExhausted && REQUEST_TOO_LARGE.test(details)) {
    return new CallFailure("REQUEST_TOO_LARGE", GrpcStatus.invalidArgument, `${endpoint}: ${details}`, {
      cause,
      mayHaveArrived: true,
    });
  }
  if (code === GrpcStatus.unknown && WAITED_IN_VAIN.test(details)) return unavailable(endpoint, details, true, cause);
  // What members say stays as it is: it is known by its text.
  if (/^(etcdserver|quorate|auth): /.test(details)) return CallFailure.answered(code, details, cause);
  if (code === GrpcStatus.deadlineExceeded) {
    return new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, `${endpoint} gave no answer in time`, {
      cause,
      mayHaveArrived: true,
    });
  }
  return CallFailure.answered(code, `${endpoint}: ${details === "" ? error.message : details}`, cause);
}

export function unavailable(endpoint: string, why: string, mayHaveArrived: boolean, cause?: unknown): CallFailure {
  return new CallFailure("UNAVAILABLE", GrpcStatus.unavailable, `${endpoint}: ${why}`, { cause, mayHaveArrived });
}

/** Why there is no connection: the last error within the library's text, in few words. */
export function reasonIn(details: string): string {
  if (/ECONNREFUSED/.test(details)) return "connection refused";
  const last = /Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/s.exec(details)?.[1]?.trim();
  return last === undefined || last === "" || last === "null" ? details : last;
}
