/**
 * What a lease is measured with is bent: the leader's clock is slow, the others' are fast; answers to heartbeats, or
 * acknowledgements too, take long to reach the leader, up to about a lease; then the leader is heard no more while they
 * still come in. A lease counted from their arrival outlives the promises it rests on; a read asked after another was
 * elected is vouched for by none of them.
 */
import { plays } from "../message-parts.ts";
import type { Stage } from "../stage.ts";

export function lateAnswers(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  const late = random.chance(0.7) ? stage.othersThan(leader) : stage.someOf(stage.othersThan(leader), 0.6);
  const heldMs = random.between(0, 950);
  if (random.chance(0.5)) {
    for (const id of stage.ids) {
      cluster.member(id).setRate(1 + (id === leader ? -1 : 1) * stage.clockDrift, cluster.time);
    }
  }
  const acknowledgements = random.chance(0.3);
  let deposed = false;
  const isAnswer = (type: string): boolean =>
    plays("heartbeatAnswer", type) || (acknowledgements && plays("acknowledgement", type));
  cluster.network.holdUp = (from, to, { type }) =>
    to === leader && late.includes(from) && isAnswer(type) ? heldMs : 0;
  // Of what follows it hears nothing but such answers.
  cluster.network.filter = (from, to, { type }) => !deposed || (from !== leader && (to !== leader || isAnswer(type)));
  stage.inSteps(random.between(heldMs, heldMs + 600), 40, () => stage.readFromLeaders());
  deposed = true;
  if (random.chance(0.8)) stage.tellLinkLost(leader);
  const succeeded = (): boolean => cluster.leader !== leader;
  // Sometimes nobody asks anything before there is another, and then at once.
  if (random.chance(0.5)) stage.waitFor(succeeded, 1_500);
  stage.readFromLeaders();
  stage.inSteps(random.between(900, 2200), 8, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && acting !== leader && random.chance(0.2)) stage.propose(acting, 1);
    if (random.chance(0.3)) stage.readFromLeaders();
  });
}
