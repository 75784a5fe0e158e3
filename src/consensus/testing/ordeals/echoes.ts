/**
 * Answers to a member's former life reach the new one, which asks the same things again: whatever it numbers from one in
 * each life is answered by what was true before (etcd-io/etcd#20418).
 */
import { plays } from "../message-parts.ts";
import type { Stage } from "../stage.ts";

export function echoes(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  const forgetful = stage.oneOf(stage.ids);
  const heldMs = random.between(50, 600);
  let reborn = false;
  // What shows the new life that there is a leader comes in time.
  cluster.network.holdUp = (_from, to, { type }) =>
    !reborn && to === forgetful && !plays("leadership", type) ? heldMs : 0;
  const ask = (): void => {
    if (stage.acts(forgetful)) cluster.read(forgetful);
  };
  for (let turns = 1 + random.below(6); turns > 0; turns--) {
    ask();
    cluster.run(random.between(0, 8));
  }
  cluster.restart(forgetful);
  reborn = true;
  stage.inSteps(heldMs + 100, 15, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && random.chance(0.4)) stage.propose(acting, 1);
    if (random.chance(0.4)) ask();
  });
}
