/** What must hold in every state of a run, whatever happened: of the histories of its processes. */
import type { ProcessId } from "../machine.ts";
import { bitOf, type History, latestOf } from "./history.ts";

export interface Observation {
  readonly id: ProcessId;
  readonly history: History;
  /** It is up, and nothing is under way here. */
  readonly isIdle: boolean;
}

export type Fault = readonly [property: string, what: string];

/**
 * The first is the coordinator, the others are the participants.
 * @param unharmed nobody refused, nothing failed, no time ran out
 */
export function check(all: readonly Observation[], unharmed: boolean): Fault | null {
  let committed = 0;
  let aborted = 0;
  for (const { history } of all) {
    committed |= history.committed;
    aborted |= abortedOf(history);
  }
  if ((committed | aborted) === 0) return null;
  return (
    stability(all) ??
    atomicity(all, committed & aborted) ??
    validity(all, committed) ??
    (unharmed && aborted !== 0 ? ["validity", `epoch ${latestOf(aborted)} is aborted, and nothing failed`] : null) ??
    nothingForgotten(all, committed)
  );
}

/** A reader has nothing to abort. */
function abortedOf({ aborted, readOnly }: History): number {
  return aborted & ~readOnly;
}

/** A process that has told, or carried out, one outcome never has another. */
function stability(all: readonly Observation[]): Fault | null {
  for (const { id, history } of all) {
    const both = history.committed & abortedOf(history);
    if (both !== 0) return ["stability", `${id} has epoch ${latestOf(both)} both committed and aborted`];
  }
  return null;
}

/** No two processes have different outcomes. */
function atomicity(all: readonly Observation[], both: number): Fault | null {
  if (both === 0) return null;
  const epoch = latestOf(both);
  const those = (outcome: "committed" | "aborted"): string =>
    all
      .filter(({ history }) => ((outcome === "aborted" ? abortedOf(history) : history.committed) & bitOf(epoch)) !== 0)
      .map(({ id }) => id)
      .join(", ");
  return ["atomicity", `epoch ${epoch} is committed by ${those("committed")}, and aborted by ${those("aborted")}`];
}

/** Committed is only what all have agreed to. */
function validity(all: readonly Observation[], committed: number): Fault | null {
  for (const { id, history } of all.slice(1)) {
    const against = committed & ~(history.yes | history.readOnly);
    if (against !== 0) return ["validity", `epoch ${latestOf(against)} is committed, and ${id} has not agreed`];
  }
  return null;
}

/** Who has agreed, and believes it is over, has carried out what the others have. */
function nothingForgotten(all: readonly Observation[], committed: number): Fault | null {
  for (const { id, history, isIdle } of all.slice(1)) {
    const forgotten = isIdle ? committed & history.yes & ~history.committed : 0;
    if (forgotten !== 0)
      return ["nothing forgotten", `${id} has never heard that epoch ${latestOf(forgotten)} is committed`];
  }
  return null;
}
