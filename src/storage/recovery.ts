/**
 * What to make of a log that was found after a crash: two total tables, without effects, so that a test can go through
 * every case. `docs/internals/storage.md` says them in words and proves them.
 */

/** How the log ends. */
export type LogEnd =
  /** With its last batch; nothing stands behind it. */
  | "clean"
  /** With remains of a batch that was being written: it was never durable, nobody was told that it was. */
  | "torn"
  /** At a bad place with signs of later batches: something that was durable is lost. */
  | "damaged";

export interface EndEvidence {
  /** Whether this is the newest segment: every other is vouched for by the header of the one behind it. */
  readonly newest: boolean;
  /** The segment's header could be read. A named segment always had a durable one. */
  readonly header: boolean;
  /** Behind the last good batch there are only zeros. */
  readonly zeros: boolean;
  /** Behind the last good batch there is a valid record of a later batch than the one that is missing. */
  readonly later: boolean;
}

/** For a segment whose batches do not reach the place where the log goes on elsewhere. */
export function logEnd(evidence: EndEvidence): LogEnd {
  if (!evidence.newest || !evidence.header || evidence.later) return "damaged";
  return evidence.zeros ? "clean" : "torn";
}

export interface GroupEvidence {
  readonly end: LogEnd;
  /** What the tail hint, written now and then, says was durable: all there, or more than the log has now. */
  readonly hint: "none" | "reached" | "beyond";
  /** Entries follow on the newest good snapshot (or on nothing, from index 1): or some in between are missing. */
  readonly cover: "whole" | "gap";
  /** An earlier start found a loss, and no leader has made it good since. */
  readonly marked: boolean;
  /** Peers may have what is lost here. */
  readonly repairable: boolean;
}

export type Verdict =
  /** All that was ever acknowledged is here. */
  | "trust"
  /** Go on with what is proven, under `untrusted`. */
  | "distrust"
  /** Something acknowledged is lost and nobody can bring it back: stop. */
  | "refuse";

export interface Decision {
  readonly verdict: Verdict;
  /** Which facts led to it, for a person; also for a torn tail under `trust`. */
  readonly reasons: readonly string[];
}

export function decide(evidence: GroupEvidence): Decision {
  const reasons: string[] = [];
  if (evidence.end === "torn") reasons.push("dropped a batch that was being written when the process ended");
  const losses: string[] = [];
  if (evidence.end === "damaged") losses.push("the log is damaged in front of batches that were durable");
  if (evidence.hint === "beyond") losses.push("the log ends before a batch that was known to be durable");
  if (evidence.cover === "gap") losses.push("entries between the newest good snapshot and the log are missing");
  if (evidence.marked) losses.push("an earlier start found a loss that no leader has made good yet");
  const verdict = losses.length === 0 ? "trust" : evidence.repairable ? "distrust" : "refuse";
  return { verdict, reasons: [...reasons, ...losses] };
}
