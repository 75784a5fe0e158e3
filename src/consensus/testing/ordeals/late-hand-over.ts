/**
 * Leadership is handed over while reads are in flight, and the message that says so comes late: perhaps when the leader
 * has given the transfer up, and hears nothing of the election that follows.
 */
import { plays } from "../message-parts.ts";
import type { Stage } from "../stage.ts";

export function lateHandOver(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  const target = random.chance(0.9) ? stage.oneOf([leader, ...stage.votersBut(leader)]) : 0n;
  const heldMs = random.chance(0.3) ? random.between(0, 200) : random.between(950, 2200);
  let told = Number.POSITIVE_INFINITY;
  cluster.network.holdUp = (from, _to, { type }) => {
    if (!plays("handOver", type)) return 0;
    if (from === leader) told = Math.min(told, cluster.time + heldMs);
    return heldMs;
  };
  cluster.transfer(leader, target);
  stage.inSteps(1000 + heldMs, 20, () => {
    const acting = stage.actingLeader();
    for (const id of stage.someOf(stage.ids, 0.1)) if (stage.acts(id)) cluster.read(id);
    if (acting !== 0n && random.chance(0.2)) stage.propose(acting, 1);
    // Just before the target is told, and so not by a word of what follows.
    if (cluster.time > told - 40 && cluster.network.cut.size === 0) {
      for (const id of stage.othersThan(leader)) {
        cluster.network.cutOneWay(id, leader);
        if (id !== target && random.chance(0.5)) cluster.network.cutOneWay(leader, id);
      }
    }
    stage.readFromLeaders();
  });
  if (random.chance(0.8)) cluster.heal();
}
