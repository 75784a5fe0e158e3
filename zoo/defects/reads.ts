/** Linearizable reads: read indexes and the leader's lease. */
import type { Defect } from "../defect.ts";

const readsFile = "src/consensus/raft/reads.ts";

export const reads: readonly Defect[] = [
  {
    name: "read-index-before-own-entry",
    room: "consensus",
    what: "A new leader gives out read indexes before an entry of its own is committed: it may not know the last writes.",
    source: "etcd-io/etcd#7331; Raft thesis §6.4 step 1; etcd-io/raft TestReadOnlyForNewLeader",
    engine: "raft",
    patches: [
      {
        file: readsFile,
        text: "  if (!s.settled) lead.reads.park(asker);\n  else if (leaseHolds(s, lead))",
        replacement: "  if (leaseHolds(s, lead))",
      },
    ],
  },
  {
    name: "leader-reads-alone",
    room: "consensus",
    what: "Who believes to lead answers reads without asking anybody: a deposed leader shows the past.",
    source: "etcd-io/etcd#741; Jepsen etcd 0.4.1 (2014)",
    engine: "raft",
    patches: [
      { file: readsFile, text: "  else lead.reads.add(asker);", replacement: "  else answer(s, asker, s.commit);" },
    ],
  },
  {
    name: "read-confirmed-by-older-round",
    room: "consensus",
    what: "A read is confirmed by a round of heartbeats that was under way when it came: nobody vouches for its moment.",
    source: "Raft thesis §6.4 step 3; hashicorp/raft VerifyLeader",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/parts/leader-reads.ts",
        text: "      if (batch.round > round) break;",
        replacement: "      if (batch.round > round + 1) break;",
      },
    ],
  },
  {
    name: "read-token-repeated",
    room: "consensus",
    what: "Read requests are numbered anew after a restart: a late answer to an earlier life answers a new read.",
    source: "etcd-io/etcd#20418 (reuse of ReadIndex ids, found by Antithesis)",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/parts/forwarded-reads.ts",
        text: "    return this.#incarnation * tokensPerLife + this.#tokens;",
        replacement: "    return this.#tokens;",
      },
    ],
  },
  {
    name: "lease-kept-on-transfer",
    room: "consensus",
    what: "A leader that hands over goes on reading from its lease, while its successor is elected past that lease.",
    source: "etcd-io/raft#99; tikv/tikv#4688",
    engine: "raft",
    patches: [
      {
        file: readsFile,
        text: "!s.options.leaseReads || lead.leaseForfeited || lead.transfer !== null || s.diskStalled)",
        replacement: "!s.options.leaseReads || s.diskStalled)",
      },
    ],
  },
  {
    name: "lease-measured-from-answer",
    room: "consensus",
    what: "The lease begins when the answer arrives instead of when the question left: it outlasts the promises.",
    source: "sofastack/sofa-jraft#25, #34; openraft docs/data/leader-lease.md",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/heartbeat.ts",
        text: "Math.max(p.promisedUntil, m.sentAt + m.promiseMs)",
        replacement: "Math.max(p.promisedUntil, s.now + m.promiseMs)",
      },
    ],
  },
  {
    name: "lease-without-drift",
    room: "consensus",
    what: "The lease allows for no difference between two clocks' speeds: a slow leader reads when another leads already.",
    source: "Raft thesis §6.4.1; Gray & Cheriton, Leases (1989)",
    engine: "raft",
    patches: [{ file: readsFile, text: "  return until - s.options.clockDriftMs;", replacement: "  return until;" }],
  },
  {
    name: "promise-forgotten-at-restart",
    room: "consensus",
    what: "A restarted member has forgotten that it promised to elect nobody: it votes while the leader reads from its lease.",
    source: "etcd-io/raft#166; Raft thesis §6.4.1",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/state.ts",
        text: "    this.promiseUntil = saved.promiseMs > 0 ? now + saved.promiseMs : Number.NEGATIVE_INFINITY;",
        replacement: "    this.promiseUntil = Number.NEGATIVE_INFINITY;",
      },
    ],
  },
  {
    name: "promise-ends-with-link",
    room: "consensus",
    what: "A lost link to the leader ends the promise behind its lease: another is elected while it still reads.",
    source: "hashicorp/consul#2644; armon's gist 11059431 on Consul's default reads",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/election.ts",
        text: "  return s.now < s.promiseUntil && candidate !== s.promisee;",
        replacement: "  return s.now < s.promiseUntil && candidate !== s.promisee && !s.leaderLinkLost;",
      },
    ],
  },
];
