/**
 * Entries are committed by a bare quorum, one of which then loses them from its disk and meets those who never had them:
 * together they would be a quorum, if its vote counted.
 */
import { majority } from "../../membership.ts";
import type { Stage } from "../stage.ts";

export function lostAcknowledgements(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  const others = stage.votersBut(leader);
  const holders = others.slice(0, majority(others.length + 1) - 1);
  const [forgetful] = holders;
  if (forgetful === undefined) return;
  for (const id of stage.othersThan(leader)) if (!holders.includes(id)) cluster.cutBetween(leader, id);
  for (let i = 1 + random.below(4); i > 0; i--) stage.propose(leader, random.below(200));
  cluster.run(random.between(5, 100));
  for (const id of [leader, ...holders]) if (id !== forgetful) cluster.isolate(id);
  stage.damage(forgetful);
  stage.tellLinkLost(leader);
  stage.inSteps(random.between(500, 3_000), 20, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && random.chance(0.1)) stage.propose(acting, 1);
    stage.readFromLeaders();
  });
  cluster.heal();
}
