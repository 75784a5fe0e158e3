/**
 * Many members are replaced in one step, and the leader falls when the new ones know that it is done and the old ones do
 * not: each camp goes by its own members, and may be a quorum of them. Or everybody falls, and must know what was done.
 */
import type { MemberId } from "../../../environment.ts";
import type { Stage } from "../stage.ts";

export function changeOfGuard(stage: Stage): void {
  const { random, cluster } = stage;
  const leader = stage.calm();
  if (leader === 0n) return;
  const drawn = stage.someOf(stage.ids, 0.4);
  const guard = drawn.length > 0 ? drawn : [stage.anyone()];
  const { voters } = cluster.engine(leader).status.membership;
  cluster.reconfigure(leader, {
    set: guard.filter((id) => !voters.includes(id)).map((id) => ({ id, role: "voter" })),
    remove: voters.filter((id) => !guard.includes(id)),
  });
  const old = stage.othersThan(leader).filter((id) => !guard.includes(id));
  const { lastIndex } = cluster.engine(leader).status;
  const has = (id: MemberId): boolean => stage.acts(id) && cluster.engine(id).status.lastIndex >= lastIndex;
  stage.waitFor(() => old.some(has), 200);
  for (const id of old) if (random.chance(0.8)) cluster.network.cutOneWay(leader, id);
  for (let i = random.below(4); i > 0; i--) stage.propose(leader, random.below(100));
  cluster.run(random.between(0, 200));
  if (random.chance(0.4)) fallTogether(stage);
  else fallApart(stage, leader, guard, old);
  stage.inSteps(random.between(500, 3_000), 30, () => {
    const acting = stage.actingLeader();
    if (acting !== 0n && random.chance(0.3)) stage.propose(acting, 1);
    stage.readFromLeaders();
  });
  for (const id of stage.ids) cluster.start(id);
  cluster.heal();
}

function fallTogether({ cluster, random, ids }: Stage): void {
  for (const id of ids) cluster.crash(id, "some");
  cluster.heal();
  for (const id of ids) if (random.chance(0.9)) cluster.start(id);
}

function fallApart(stage: Stage, leader: MemberId, guard: readonly MemberId[], old: readonly MemberId[]): void {
  const { cluster, random } = stage;
  if (random.chance(0.5)) cluster.crash(leader, "some");
  else cluster.isolate(leader);
  for (const one of old) for (const other of guard) if (random.chance(0.8)) cluster.cutBetween(one, other);
  stage.tellLinkLost(leader);
}
