/** Sets of processes as sorted arrays: plain data, equal when they look equal. */
import { assert } from "../../errors.ts";
import type { ProcessId } from "./machine.ts";

export function withProcess(set: readonly ProcessId[], process: ProcessId): readonly ProcessId[] {
  return set.includes(process) ? set : [...set, process].sort();
}

export function without(set: readonly ProcessId[], gone: readonly ProcessId[]): readonly ProcessId[] {
  return set.filter((one) => !gone.includes(one));
}

/** @throws InvariantViolation if there is none, or one twice */
export function checkedParticipants(participants: readonly ProcessId[]): readonly ProcessId[] {
  assert(participants.length > 0, "a transaction without participants: there is nothing to agree on");
  const sorted = [...participants].sort();
  for (const [at, one] of sorted.entries()) {
    assert(one !== sorted[at + 1], `participant "${one}" is named twice: name each once`);
  }
  return sorted;
}
