/**
 * What must be true of every history: pure functions from what clients saw, and what the log says, to a violation with
 * its explanation, or null. One property a file. They know nothing of the code under test but its messages' types.
 */
import type { HistoryChecker } from "../history.ts";
import { acknowledgedWrites } from "./acknowledged-writes.ts";
import { leaseSafety } from "./lease-safety.ts";
import { linearizability } from "./linearizability.ts";
import { lockSafety } from "./lock-safety.ts";
import { revisions } from "./revisions.ts";
import { sessionGuarantees } from "./session-guarantees.ts";
import { watchGuarantees } from "./watch-guarantees.ts";

export const historyCheckers: readonly HistoryChecker[] = [
  revisions,
  acknowledgedWrites,
  linearizability,
  sessionGuarantees,
  watchGuarantees,
  leaseSafety,
  lockSafety,
];
