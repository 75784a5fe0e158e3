import type { QuorateError } from "../../errors.ts";
import { CallFailure } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import { verdictOf } from "./verdict.ts";

/**
 * What the caller of a write is told when an attempt failed for good: that it had no effect, and why, or that nobody
 * knows.
 *
 * @param why the reason to give up: the failure itself, or that the call is over
 */
export function failedWrite(what: string, failure: unknown, why: QuorateError): QuorateError {
  // What a channel never should reject with says nothing about the request.
  const open = !(failure instanceof CallFailure) || verdictOf(failure).effectOpen;
  return open ? storeErrors.outcomeUnknown(what, why) : why;
}
