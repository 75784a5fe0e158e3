/**
 * What a stale answer needs: a leader cut off (or stopped) that does not know that it was replaced, the others told that
 * its link broke, a write through the new one and a read from everybody who believes to lead.
 */
import type { Stage } from "../stage.ts";

export function unawareLeader(stage: Stage): void {
  const { random, cluster } = stage;
  const { leader } = cluster;
  if (leader === 0n) return;
  const kind = random.below(4);
  if (kind === 0) cluster.pause(leader);
  else if (kind === 1) for (const id of stage.ids) cluster.network.cutOneWay(leader, id);
  else cluster.isolate(leader);
  if (random.chance(0.3)) cluster.transfer(leader, 0n);
  for (const id of stage.ids) {
    if (random.chance(0.9)) cluster.feed(id, { type: "linkLost", peer: leader });
    if (id !== leader && random.chance(0.1)) cluster.restart(id);
  }
  const gap = random.between(1, 80);
  for (let i = 0; i < 40; i++) {
    const acting = stage.actingLeader();
    if (acting !== 0n) stage.propose(acting, 1);
    cluster.run(random.between(0, gap));
    // As soon as a process goes on, before what it missed reaches it.
    if (kind === 0 && i > 5 && random.chance(0.1)) cluster.member(leader).paused = false;
    stage.readFromLeaders();
  }
  if (kind === 0) cluster.resume(leader);
  if (random.chance(0.8)) cluster.heal();
}
