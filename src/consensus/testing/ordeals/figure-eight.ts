/**
 * Leaders that fall in the middle of their first acts, each chosen by the schedule: entries of several epochs lie around
 * uncommitted, on some logs each, and those who can win with them are elected in turn (figure 8 of the paper).
 */
import type { MemberId } from "../../../environment.ts";
import { plays } from "../message-parts.ts";
import type { Stage } from "../stage.ts";

export function figureEight(stage: Stage): void {
  const { random, cluster } = stage;
  const [a, b] = [stage.calm(), stage.anyone()];
  const script = random.chance(0.7) ? [a, b, a, b] : [];
  const rounds = script.length + random.below(4);
  for (let round = 0; round < rounds; round++) {
    // Some of the fallen come back, so that somebody can be elected.
    const wanted = random.chance(0.85) ? (script[round] ?? 0n) : 0n;
    for (const id of stage.ids) if (id === wanted || random.chance(0.8)) cluster.start(id);
    cluster.heal();
    const leader = electOne(stage, wanted);
    if (leader === 0n) continue;
    appendToFew(stage, leader, round === 2 ? b : 0n);
    // What it sent and has not arrived is lost with it.
    cluster.isolate(leader);
    if (random.chance(0.5)) cluster.crash(leader, "some");
    cluster.run(cluster.network.maxDelayMs);
  }
  cluster.heal();
}

/** Only one member may ask for votes: the wanted one, the one with the shortest log that can win, or any that can. */
function electOne(stage: Stage, wanted: MemberId): MemberId {
  const { cluster, random } = stage;
  const winners = stage.ids.filter((id) => stage.acts(id) && canWin(stage, id));
  if (winners.length === 0) return 0n;
  const length = (id: MemberId): number => cluster.engine(id).status.lastIndex;
  const shortest = winners.reduce((best, id) => (length(id) < length(best) ? id : best));
  const other = random.chance(0.6) ? shortest : stage.oneOf(winners);
  const chosen = winners.includes(wanted) ? wanted : other;
  const { leader } = cluster;
  if (leader === chosen) return leader;
  if (leader !== 0n) {
    cluster.isolate(leader);
    stage.tellLinkLost(leader);
  }
  cluster.network.filter = (from, _to, { type }) => from === chosen || !plays("candidacy", type);
  const elected = stage.waitFor(() => cluster.member(chosen).engine?.status.role === "leader", 5_000);
  cluster.network.filter = () => true;
  // Before it can say anything.
  if (elected) cluster.isolate(chosen);
  return elected ? chosen : 0n;
}

/** Whether enough logs of running members are at most as complete. */
function canWin(stage: Stage, id: MemberId): boolean {
  const { cluster } = stage;
  const { membership, lastIndex } = cluster.engine(id).status;
  if (!membership.voters.includes(id)) return false;
  const lastEpoch = epochAt(stage, id, lastIndex);
  const votes = membership.voters.filter((voter) => {
    if (!cluster.members.has(voter) || !stage.acts(voter)) return false;
    const other = cluster.engine(voter).status.lastIndex;
    const otherEpoch = epochAt(stage, voter, other);
    return otherEpoch < lastEpoch || (otherEpoch === lastEpoch && other <= lastIndex);
  });
  return 2 * votes.length > membership.voters.length;
}

function epochAt({ cluster }: Stage, id: MemberId, index: number): number {
  return cluster.engine(id).entryAt(index)?.epoch ?? 0;
}

/** Its entries reach only some of the others, a message or two, before it falls. `never`: who is not reached for sure. */
function appendToFew(stage: Stage, leader: MemberId, never: MemberId): void {
  const { cluster, random } = stage;
  const reached = stage.someOf(stage.othersThan(leader), never === 0n ? 0.3 : 0.8).filter((id) => id !== never);
  cluster.heal();
  for (const id of stage.othersThan(leader)) if (!reached.includes(id)) cluster.cutBetween(leader, id);
  // About one message each: what is acknowledged is often less than the whole log.
  for (let i = random.below(4); i > 0; i--) stage.propose(leader, 300 + random.below(900));
  const { commit } = cluster.engine(leader).status;
  const draw = random.below(3);
  if (draw === 0) cluster.run(random.between(0, 3 * cluster.network.maxDelayMs + 8));
  else if (draw === 1) for (let events = random.below(80); events > 0; events--) cluster.advance(cluster.time + 100);
  // It has just committed something, and nobody knows.
  else stage.waitFor(() => (cluster.member(leader).engine?.status.commit ?? 0) > commit, 1_000);
}
