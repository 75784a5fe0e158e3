/** Changes of membership at the worst of times: the moment a leader is elected, several at once, and as it falls again. */
import type { MemberId } from "../../../environment.ts";
import type { MemberRole, MembershipChange } from "../../membership.ts";
import type { Stage } from "../stage.ts";

export function hastyChanges(stage: Stage): void {
  const { random, cluster } = stage;
  const rounds = 1 + random.below(3);
  for (let round = 0; round < rounds; round++) {
    const old = cluster.leader;
    if (old !== 0n && random.chance(0.8)) {
      if (random.chance(0.5)) cluster.isolate(old);
      else cluster.crash(old, "some");
      stage.tellLinkLost(old);
    }
    const elected = (): boolean => cluster.leader !== 0n && cluster.leader !== old && stage.acts(cluster.leader);
    if (!stage.waitFor(elected, 4_000)) break;
    const { leader } = cluster;
    for (let i = 1 + random.below(3); i > 0 && cluster.engine(leader).status.role === "leader"; i--) {
      cluster.reconfigure(leader, drawChange(stage, leader));
      if (random.chance(0.3)) cluster.run(random.between(0, 10));
    }
    const reached = stage.someOf(stage.othersThan(leader), 0.5);
    if (random.chance(0.5)) {
      for (const id of stage.othersThan(leader)) if (!reached.includes(id)) cluster.cutBetween(leader, id);
    }
    cluster.run(random.between(0, 200));
    for (const id of stage.someOf(stage.ids, 0.8)) cluster.start(id);
    if (random.chance(0.5)) cluster.heal();
  }
  for (const id of stage.ids) cluster.start(id);
  cluster.heal();
}

/** One member more, less, or another role; sometimes several at once. */
function drawChange(stage: Stage, leader: MemberId): MembershipChange {
  const { random, cluster } = stage;
  const { voters } = cluster.engine(leader).status.membership;
  const set: { id: MemberId; role: MemberRole }[] = [];
  const remove: MemberId[] = [];
  const touched = new Set<MemberId>();
  for (let i = random.chance(0.8) ? 1 : 2; i > 0; i--) {
    const id = stage.anyone();
    if (touched.has(id)) continue;
    touched.add(id);
    if (!voters.includes(id)) set.push({ id, role: random.chance(0.8) ? "voter" : "learner" });
    else if (random.chance(0.7)) remove.push(id);
    else set.push({ id, role: "learner" });
  }
  return { set, remove };
}
