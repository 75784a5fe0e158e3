/**
 * Schedules with an intention: each brings about, with what chance adds, a situation that known bugs needed and that
 * random faults reach too seldom.
 */
import { changeOfGuard } from "./ordeals/change-of-guard.ts";
import { echoes } from "./ordeals/echoes.ts";
import { figureEight } from "./ordeals/figure-eight.ts";
import { forgottenPromises } from "./ordeals/forgotten-promises.ts";
import { hastyChanges } from "./ordeals/hasty-changes.ts";
import { lateAnswers } from "./ordeals/late-answers.ts";
import { lateHandOver } from "./ordeals/late-hand-over.ts";
import { lostAcknowledgements } from "./ordeals/lost-acknowledgements.ts";
import { tornReturn } from "./ordeals/torn-return.ts";
import { unawareLeader } from "./ordeals/unaware-leader.ts";
import type { Stage } from "./stage.ts";

export type OrdealName =
  | "echoes"
  | "figureEight"
  | "forgottenPromises"
  | "hastyChanges"
  | "lateAnswers"
  | "lateHandOver"
  | "lostAcknowledgements"
  | "tornReturn"
  | "unawareLeader"
  | "changeOfGuard";

const ordeals: { readonly [name in OrdealName]: (stage: Stage) => void } = {
  echoes,
  figureEight,
  forgottenPromises,
  hastyChanges,
  lateAnswers,
  lateHandOver,
  lostAcknowledgements,
  tornReturn,
  unawareLeader,
  changeOfGuard,
};

export const ordealNames: readonly OrdealName[] = Object.keys(ordeals) as OrdealName[];

/** Runs one. It may leave links cut and members down, but holds up and filters no messages any more. */
export function undergo(name: OrdealName, stage: Stage): void {
  const { network } = stage.cluster;
  ordeals[name](stage);
  network.filter = () => true;
  network.holdUp = () => 0;
}
