/** What goes wrong: each fault strikes and is undone before it returns; the cluster may still be recovering then. */
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterUnderTest } from "../support/cluster.ts";
import type { MemberProcess } from "../support/member-process.ts";
import type { Seeded } from "../support/seeded.ts";

/** Long enough for a new election with default timeouts, so that the paused member comes back to a changed world. */
const PAUSE_MS = 5_000;
/** A killed member is away for up to this long. */
const AWAY_MS = 1_500;

export interface Fault {
  readonly name: string;
  /** Returns what it did, in words. */
  strike(cluster: ClusterUnderTest, random: Seeded): Promise<string>;
}

async function killFor(members: readonly MemberProcess[], awayMs: number): Promise<void> {
  await Promise.all(members.map((member) => member.end("SIGKILL")));
  await delay(awayMs);
  for (const member of members) member.start();
}

async function pauseFor(member: MemberProcess, pausedMs: number): Promise<void> {
  member.pause();
  try {
    await delay(pausedMs);
  } finally {
    member.resume();
  }
}

/** In the order in which they take turns. */
export const FAULTS: readonly Fault[] = [
  {
    name: "kill -9 of the leader",
    async strike(cluster, random) {
      const leader = await cluster.leader();
      const awayMs = random.below(AWAY_MS);
      await killFor([leader], awayMs);
      return `${leader.name}, ${awayMs} ms away`;
    },
  },
  {
    name: "SIGSTOP of the leader",
    async strike(cluster) {
      const leader = await cluster.leader();
      await pauseFor(leader, PAUSE_MS);
      return `${leader.name}, ${PAUSE_MS} ms`;
    },
  },
  {
    name: "kill -9 of a follower",
    async strike(cluster, random) {
      const follower = random.pick(cluster.others(await cluster.leader()));
      const awayMs = random.below(AWAY_MS);
      await killFor([follower], awayMs);
      return `${follower.name}, ${awayMs} ms away`;
    },
  },
  {
    name: "kill -9 of all at once",
    async strike(cluster, random) {
      const awayMs = random.below(AWAY_MS / 3);
      await killFor(cluster.members, awayMs);
      return `${awayMs} ms away`;
    },
  },
  {
    name: "SIGSTOP of a follower",
    async strike(cluster, random) {
      const follower = random.pick(cluster.others(await cluster.leader()));
      await pauseFor(follower, PAUSE_MS);
      return `${follower.name}, ${PAUSE_MS} ms`;
    },
  },
];
