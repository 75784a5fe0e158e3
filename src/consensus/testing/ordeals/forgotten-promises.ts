/**
 * A leader is cut off, and the members whose promises its lease rests on restart and elect another at once: a promise
 * that a restart forgets is found out.
 */
import type { Stage } from "../stage.ts";

export function forgottenPromises(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  cluster.isolate(leader);
  const others = stage.othersThan(leader);
  for (const id of others) if (random.chance(0.9)) cluster.restart(id);
  for (const a of others) {
    for (const b of others) if (a !== b) cluster.feed(a, { type: "linkUp", peer: b });
  }
  stage.inSteps(random.between(300, 1300), 8, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && acting !== leader && random.chance(0.2)) stage.propose(acting, 1);
    if (random.chance(0.3)) stage.readFromLeaders();
  });
  if (random.chance(0.8)) cluster.heal();
}
