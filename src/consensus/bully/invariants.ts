/** What must be true after every step, in production too: a member that finds otherwise stops. */
import { InvariantViolation } from "../../errors.ts";
import { name } from "../parts/name.ts";
import type { BullyState } from "./state.ts";

/** The generations before a step. */
export interface BullyBefore {
  readonly generation: number;
  readonly leaderGeneration: number;
}

export function checkBully(before: BullyBefore, s: BullyState): void {
  const { role, leader, ranking, id } = s;
  must(s.generation >= before.generation, "the generation fell", s);
  must(s.leaderGeneration >= before.leaderGeneration, "the leadership's generation fell", s);
  must(s.leaderGeneration <= s.generation, "follows a generation it has not heard of", s);
  must((role === "leader") === (leader === id), "leads without believing so, or the reverse", s);
  must((role === "follower" || role === "leader") === (leader !== 0n), "a leader that is none, or the reverse", s);
  must((role === "outside") === !ranking.has(id), "takes part without being a member, or the reverse", s);
  must((role === "outside") === (s.deadline === Number.POSITIVE_INFINITY), "waits for nothing, or for too much", s);
  if (role !== "follower") return;
  must(ranking.has(leader), "follows one that is no member", s);
  must(!s.options.preempt || ranking.outranks(leader, id), "follows a lower one", s);
}

/** The words are constant; the values are put together only when they are needed. */
function must(condition: boolean, what: string, s: BullyState): void {
  if (condition) return;
  throw new InvariantViolation(
    `${what}: ${s.role} ${name(s.id)}, leader ${name(s.leader)} in generation ${s.leaderGeneration}, ` +
      `highest generation ${s.generation}, round ${s.round}, deadline ${s.deadline} at ${s.now}`,
  );
}
