/** Who leads: votes, epochs, pre-votes, handing over. */
import type { Defect } from "../defect.ts";

const election = "src/consensus/raft/election.ts";

export const elections: readonly Defect[] = [
  {
    name: "vote-not-persisted",
    room: "consensus",
    what: "Only the epoch is saved, not the vote: after a restart a member votes a second time in the same epoch.",
    source: "Raft paper §5.2, figure 2 (persistent state); NodeDB-Lab/nodedb#161",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/state.ts",
        text: "    const { epoch, vote, commit, untrusted } = this;\n    return encodeHardState({ epoch, vote, commit,",
        replacement:
          "    const { epoch, commit, untrusted } = this;\n    return encodeHardState({ epoch, vote: 0n, commit,",
      },
    ],
  },
  {
    name: "vote-answered-before-durable",
    room: "consensus",
    what: "A vote is promised while it is still on its way to the disk: a crash takes it back, and another gets it.",
    source: "bakwc/PySyncObj#201; etcd-io/raft raft.go `send` (msgsAfterAppend)",
    engine: "raft",
    patches: [
      {
        file: election,
        text: '  s.send(from, { type: "voteResponse", granted }, s.barrier);',
        replacement: '  s.send(from, { type: "voteResponse", granted });',
      },
    ],
  },
  {
    name: "own-vote-not-durable",
    room: "consensus",
    what: "A candidate asks for votes and counts its own before that is on disk: it leads, crashes, and votes for another.",
    source: "Raft thesis §10.2.1; openraft docs/protocol/io_ordering.md",
    engine: "raft",
    patches: [
      {
        file: election,
        text: '  askForVotes(s, "vote", transfer, s.voteWrite);\n}',
        replacement: '  askForVotes(s, "vote", transfer, 0);\n  s.votes.set(s.id, true);\n  countVotes(s);\n}',
      },
    ],
  },
  {
    name: "duplicate-vote-counted",
    room: "consensus",
    what: "Votes are counted, not collected: one voter's answer that arrives twice makes a leader without a majority.",
    source: "xnnyygn/xraft#27",
    engine: "raft",
    patches: [
      {
        file: election,
        text: "  if (s.votes.has(from)) return;\n  s.votes.set(from, granted);\n  countVotes(s);",
        replacement:
          "  const free = allVoters(s.memberships.active).find((id) => !s.votes.has(id));\n" +
          "  s.votes.set(s.votes.has(from) ? (free ?? from) : from, granted);\n  countVotes(s);",
      },
    ],
  },
  {
    name: "pre-vote-counted-as-vote",
    room: "consensus",
    what: "A late answer to the pre-vote counts in the real election: a leader that nobody voted for.",
    source: "canonical/raft#196; etcd-io/raft TestCandidateDeliversPreCandidateSelfVoteAfterBecomingCandidate",
    engine: "raft",
    patches: [
      {
        file: election,
        text: '  if (s.role !== "preCandidate" || proposedEpoch !== s.epoch + 1) return false;',
        replacement:
          '  const standing = s.role === "candidate" && proposedEpoch === s.epoch;\n' +
          '  if (!standing && (s.role !== "preCandidate" || proposedEpoch !== s.epoch + 1)) return false;',
      },
    ],
  },
  {
    name: "vote-cleared-on-step-down",
    room: "consensus",
    what: "A candidate that steps back within its epoch forgets its vote and gives it away once more.",
    source: "microsoft/CCF#8094; nats-io/nats-server#5314; ktoso/akka-raft#56",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/role.ts",
        text: "  if (epoch > s.epoch) enterEpoch(s, epoch, 0n);\n  if (s.role",
        replacement: "  if (epoch > s.epoch) enterEpoch(s, epoch, 0n);\n  else s.vote = 0n;\n  if (s.role",
      },
    ],
  },
  {
    name: "longest-log-wins",
    room: "consensus",
    what: "Logs are compared by length instead of by last epoch first: a leader is elected that lacks committed entries.",
    source: "Raft paper §5.4.1",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/parts/entry-log.ts",
        text: "    return last.epoch > this.lastEpoch || (last.epoch === this.lastEpoch && last.index >= this.lastIndex);",
        replacement: "    return last.index >= this.lastIndex;",
      },
    ],
  },
  {
    name: "untrusted-member-votes",
    room: "consensus",
    what: "A member that lost the end of its log votes as if it had not: it elects a leader that lost the same entries.",
    source: "Alagappan et al., Protocol-Aware Recovery for Consensus-Based Storage (FAST 2018)",
    engine: "raft",
    patches: [
      {
        file: election,
        text: "proposedEpoch > s.epoch && !s.untrusted && !isBound",
        replacement: "proposedEpoch > s.epoch && !isBound",
      },
      {
        file: election,
        text: "  const granted = free && !s.untrusted && logSuffices(s, m);",
        replacement: "  const granted = free && logSuffices(s, m);",
      },
    ],
  },
  {
    name: "commit-index-outlives-its-entries",
    room: "consensus",
    what: "A commit index that was saved is believed of a log that lost its last writes: older entries are given out there.",
    source: "found by the simulator: seed 200596 with Paxos (docs/internals/simulation.md)",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/state.ts",
        text: "    this.commit = start.untrusted ? base.index : Math.max(",
        replacement: "    this.commit = Math.max(",
      },
    ],
  },
  {
    name: "pre-vote-disturbs",
    room: "consensus",
    what: "Whoever is asked in a pre-vote moves to the proposed epoch: one badly connected member deposes each leader.",
    source: "Raft thesis §9.6; canonical/raft#196",
    engine: "raft",
    patches: [
      {
        file: election,
        text: "  const proposedEpoch = envelope.epoch + 1;\n",
        replacement:
          "  const proposedEpoch = envelope.epoch + 1;\n" +
          '  if (proposedEpoch > s.epoch) becomeFollower(s, proposedEpoch, 0n, "asked in a pre-vote");\n',
      },
    ],
  },
  {
    name: "refused-pre-vote-not-answered",
    room: "consensus",
    what: "A refused pre-vote gets no answer: the longer log never learns of the higher epoch, and nobody can win.",
    source: "etcd-io/etcd#8501",
    engine: "raft",
    patches: [
      {
        file: election,
        text: '  s.send(from, { type: "preVoteResponse", proposedEpoch, granted });',
        replacement: '  if (granted) s.send(from, { type: "preVoteResponse", proposedEpoch, granted });',
      },
    ],
  },
  {
    name: "check-quorum-missing",
    room: "consensus",
    what: "A leader that hears nobody goes on leading: who still hears it waits for ever for a write to be committed.",
    source: "Raft thesis §6.2; Howard & Abraham, Raft does not guarantee liveness in the face of network faults (2020)",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/raft.ts",
        text:
          "  if (!hearsQuorum(s, lead)) {\n    const { electionTimeoutMs } = s.options;\n" +
          "    return becomeFollower(s, s.epoch, 0n, `heard no quorum for ${electionTimeoutMs} ms`);\n  }\n",
        replacement: "",
      },
    ],
  },
  {
    name: "transfer-never-given-up",
    room: "consensus",
    what: "A handing over that does not come about is never given up: the leader refuses all writes from then on.",
    source: "Raft thesis §3.10; etcd-io/raft TestLeaderTransferTimeout",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/transfer.ts",
        text: "  if (transfer !== null && s.now >= transfer.deadline) {",
        replacement: "  if (transfer !== null && !transfer.told && s.now >= transfer.deadline) {",
      },
    ],
  },
  {
    name: "stalled-disk-keeps-leading",
    room: "consensus",
    what: "A leader whose disk hangs goes on with its heartbeats: no write succeeds although a majority is well.",
    source: "hashicorp/raft#503; tarantool/tarantool#9399; etcd-io/etcd#13527",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/raft.ts",
        text: '    if (s.lead !== null && !isAlone(s)) resign(s, s.lead, "its disk stalls");\n',
        replacement: "",
      },
    ],
  },
];
