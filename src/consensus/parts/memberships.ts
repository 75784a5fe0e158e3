/**
 * Which membership is in force: the newest in the log, committed or not (thesis §4.1).
 *
 * A membership takes effect when its entry is appended, so dropping that entry must bring the one before back. The
 * entries of the log's tail are remembered here with their memberships; what lies behind a snapshot is the base.
 */

import type { MemberId } from "../../environment.ts";
import { assert, InvariantViolation } from "../../errors.ts";
import { isVoter, type Membership } from "../membership.ts";

interface Step {
  readonly index: number;
  readonly membership: Membership;
}

export class MembershipLog {
  /** Ascending by index, never empty: the first is in force at or before the log's first entry. */
  #steps: Step[];

  constructor(base: Membership, index: number) {
    this.#steps = [{ index, membership: base }];
  }

  get active(): Membership {
    return (this.#steps.at(-1) as Step).membership;
  }

  /** Index of the entry that brought the active membership. */
  get activeIndex(): number {
    return (this.#steps.at(-1) as Step).index;
  }

  /** The membership in force once everything up to `index` is committed. */
  at(index: number): Membership {
    return this.#stepAt(index).membership;
  }

  /** Index of the entry that brought the membership of `at(index)`; of the base, its own. */
  indexAt(index: number): number {
    return this.#stepAt(index).index;
  }

  #stepAt(index: number): Step {
    const step = this.#steps.findLast((each) => each.index <= index) ?? this.#steps[0];
    assert(step !== undefined, "there is always a membership");
    return step;
  }

  append(index: number, membership: Membership): void {
    if (index <= this.activeIndex)
      throw new InvariantViolation(`membership entry ${index} does not follow the one at ${this.activeIndex}`);
    this.#steps.push({ index, membership });
  }

  truncateFrom(index: number): void {
    while (this.activeIndex >= index) {
      if (this.#steps.length <= 1)
        throw new InvariantViolation(
          `the membership at ${this.activeIndex} is behind a snapshot and cannot be dropped`,
        );
      this.#steps.pop();
    }
  }

  /** Forgets memberships that were replaced at or before `index`. */
  compact(index: number): void {
    while (this.#steps.length > 1 && (this.#steps[1] as Step).index <= index) this.#steps.shift();
  }

  reset(base: Membership, index: number): void {
    this.#steps = [{ index, membership: base }];
  }

  /**
   * Whether the member may stand for election: it votes in the committed membership or in any later one. The leader
   * that appended its own removal must be able to win again, because its log may be the longest (cowsql/raft#150); a
   * member whose removal is committed must not.
   */
  mayStand(id: MemberId, commit: number): boolean {
    if (isVoter(this.at(commit), id)) return true;
    return this.#steps.some((step) => step.index > commit && isVoter(step.membership, id));
  }
}
