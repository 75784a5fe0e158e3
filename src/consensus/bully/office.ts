/** Who leads, as this member sees it: taking office, keeping it, following, and being without a leader. */
import type { MemberId } from "../../environment.ts";
import { name } from "../parts/name.ts";
import { type BullyEnvelope, largestGeneration } from "./messages.ts";
import type { BullyState } from "./state.ts";

/** Takes office in the next generation, and says so to everybody. */
export function lead(s: BullyState): void {
  s.role = "leader";
  s.leader = s.id;
  s.leaderIncarnation = s.options.incarnation;
  s.tries = 0;
  s.lenient = false;
  s.renewed = false;
  countOn(s);
  s.notice("info", `leads in generation ${s.generation}: nobody higher answers`, { generation: s.generation });
  announce(s);
}

/** Says to everybody that it leads; as heartbeat and whenever something changed. */
export function announce(s: BullyState): void {
  s.deadline = s.now + s.options.heartbeatIntervalMs;
  s.send(
    { type: "coordinator" },
    s.ranking.ids.filter((id) => id !== s.id),
  );
}

/**
 * A leader heard of a generation that is not below its own (it restarted, or two partitions met): it goes on above that.
 * Once at once, then with the heartbeats, so that two members that each believe to be the higher one (their owners named
 * different numbers) do not outbid each other at the speed of the network.
 */
export function renewIfContested(s: BullyState): void {
  if (s.role !== "leader" || !s.contested || s.renewed) return;
  s.renewed = true;
  renew(s);
}

function renew(s: BullyState): void {
  countOn(s);
  s.notice("info", `goes on leading in generation ${s.generation}`, { generation: s.generation });
  announce(s);
}

export function heartbeat(s: BullyState): void {
  s.renewed = false;
  if (s.contested) renew(s);
  else announce(s);
}

function countOn(s: BullyState): void {
  s.generation = Math.min(s.generation + 1, largestGeneration);
  s.leaderGeneration = s.generation;
  s.contested = false;
}

export function follow(s: BullyState, leader: MemberId, { incarnation, generation }: BullyEnvelope): void {
  if (leader !== s.leader || generation !== s.leaderGeneration) {
    s.notice("info", `follows ${name(leader)} in generation ${generation}`, { leader: name(leader), generation });
  }
  s.role = "follower";
  s.leader = leader;
  s.leaderIncarnation = incarnation;
  s.leaderGeneration = generation;
  s.tries = 0;
  s.contested = false;
  heardLeader(s);
}

export function heardLeader(s: BullyState): void {
  s.deadline = s.now + s.options.leaderTimeoutMs;
  s.lenient = false;
}

export function forgetLeader(s: BullyState): void {
  s.leader = 0n;
  s.leaderIncarnation = 0;
  s.contested = false;
  s.lenient = false;
}

/**
 * Is without a leader, and gives the one that comes next a moment to take office: it begins after `delayMs` at once, the
 * others when it could long have done so. Of n members one then begins, not all.
 *
 * @param gone who is known to be no leader any more; 0n: nobody
 */
export function listen(s: BullyState, gone: MemberId, delayMs: number): void {
  const { answerTimeoutMs } = s.options;
  const isNext = s.ranking.above(s.id).every((id) => id === gone);
  const patience = isNext ? 0 : answerTimeoutMs * (1 + s.random.fraction());
  forgetLeader(s);
  s.role = "listening";
  s.deadline = s.now + delayMs + patience;
}

/** The leader is dead, or out of reach. */
export function loseLeader(s: BullyState, why: string): void {
  const { leader } = s;
  s.notice("info", `lost its leader ${name(leader)}: ${why}`, { leader: name(leader) });
  listen(s, leader, 0);
}

/** Takes no part any more. */
export function leave(s: BullyState): void {
  forgetLeader(s);
  s.role = "outside";
  s.deadline = Number.POSITIVE_INFINITY;
  s.notice("info", "is no member any more");
}
