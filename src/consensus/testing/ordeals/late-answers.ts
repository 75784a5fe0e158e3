/**
 * Answers to heartbeats, or acknowledgements too, take long to reach the leader, up to about a lease; then the leader is
 * heard no more while they still come in. A lease counted from their arrival outlives the promises it rests on.
 */
import type { Stage } from "../stage.ts";

export function lateAnswers(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.actingLeader();
  if (leader === 0n) return;
  cluster.heal();
  const late = random.chance(0.7) ? stage.othersThan(leader) : stage.someOf(stage.othersThan(leader), 0.6);
  const heldMs = random.between(100, 950);
  const acknowledgements = random.chance(0.3);
  cluster.network.holdUp = (from, to, { type }) => {
    if (to !== leader || !late.includes(from)) return 0;
    return type === "heartbeatResponse" || (acknowledgements && type === "appendResponse") ? heldMs : 0;
  };
  stage.inSteps(random.between(heldMs, heldMs + 600), 40, () => stage.readFromLeaders());
  for (const id of stage.othersThan(leader)) cluster.network.cutOneWay(leader, id);
  if (random.chance(0.8)) stage.tellLinkLost(leader);
  stage.inSteps(random.between(900, 2200), 8, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && acting !== leader && random.chance(0.2)) stage.propose(acting, 1);
    if (random.chance(0.3)) stage.readFromLeaders();
  });
  if (random.chance(0.8)) cluster.heal();
}
