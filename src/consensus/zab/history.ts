/** How much a member's history says, in the order that elections and discovery go by. */
import type { Position } from "../engine.ts";

/** The history of a member, summed up. */
export interface History {
  /**
   * The current epoch: the newest whose leader's history was adopted. It comes before the last entry, because a leader's
   * history is committed by its adoption alone, also when no entry of its epoch exists yet.
   */
  readonly epoch: number;
  /** The last entry. */
  readonly last: Position;
}

/** Below 0: `a` says less than `b`; 0: as much; above 0: more. By current epoch, then last zxid (epoch, index). */
export function compareHistories(a: History, b: History): number {
  return a.epoch - b.epoch || a.last.epoch - b.last.epoch || a.last.index - b.last.index;
}

/** For log lines. */
export function describeHistory({ epoch, last }: History): string {
  return `epoch ${epoch}, last entry ${last.index} of epoch ${last.epoch}`;
}
