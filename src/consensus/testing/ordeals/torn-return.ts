/**
 * A deposed leader comes back with a tail that others have replaced, and crashes when it has begun to write the right one:
 * its next life is sent its log anew, piece by piece, in front of the wrong tail (figure 2: commit no further than the
 * last new entry).
 */
import type { Stage } from "../stage.ts";

export function tornReturn(stage: Stage): void {
  const { random, cluster } = stage;
  const old = stage.calm();
  if (old === 0n) return;
  // The others hear it, and it does not hear that they have what it sent: nobody knows that it is committed.
  for (const id of stage.othersThan(old)) cluster.network.cutOneWay(id, old);
  for (let i = 1 + random.below(6); i > 0; i--) stage.propose(old, random.below(900));
  cluster.run(2 * cluster.network.maxDelayMs + random.between(1, 20));
  cluster.isolate(old);
  if (cluster.engine(old).status.role !== "leader") return;
  for (let i = 1 + random.below(4); i > 0; i--) stage.propose(old, random.below(100));
  cluster.run(5);
  stage.tellLinkLost(old);
  const replaced = (): boolean => {
    const { leader } = cluster;
    return leader !== old && leader !== 0n && cluster.engine(leader).status.settled;
  };
  if (!stage.waitFor(replaced, 4_000)) return;
  for (let i = random.below(4); i > 0; i--) stage.propose(cluster.leader, random.below(400));
  const member = cluster.member(old);
  member.diskDelayMs = random.chance(0.7) ? Number.POSITIVE_INFINITY : random.between(20, 200);
  cluster.heal();
  cluster.run(random.between(5, 400));
  cluster.crash(old, random.chance(0.5) ? "some" : "none");
  member.diskDelayMs = 1;
  cluster.start(old);
  cluster.run(random.between(100, 600));
}
