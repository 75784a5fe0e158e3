/** Who counts: quorums, learners, changes of membership. */
import type { Defect } from "../defect.ts";

const membershipFile = "src/consensus/membership.ts";
const reconfiguration = "src/consensus/raft/reconfiguration.ts";

export const membership: readonly Defect[] = [
  {
    name: "learner-counted",
    room: "consensus",
    what: "What learners hold counts as if they were voters: entries are committed that a minority of voters has.",
    source: "Raft thesis §4.2.1; etcd-io/etcd#10998",
    engine: "any",
    patches: [
      {
        file: membershipFile,
        text: "  return Math.min(majorityReached(membership.voters, reached), majorityReached(membership.outgoing, reached));",
        replacement:
          "  const { voters, outgoing, learners } = membership;\n" +
          "  const first = majorityReached([...voters, ...learners], reached, voters.length);\n" +
          "  return Math.min(first, majorityReached(outgoing, reached, outgoing.length));",
      },
      {
        file: membershipFile,
        text: "function majorityReached(ids: readonly MemberId[], reached: (id: MemberId) => number): number {",
        replacement:
          "function majorityReached(ids: readonly MemberId[], reached: (id: MemberId) => number, size: number): number {",
      },
      {
        file: membershipFile,
        text: "  return values[majority(ids.length) - 1] as number;",
        replacement: "  return values[majority(size) - 1] as number;",
      },
    ],
  },
  {
    name: "half-is-a-majority",
    room: "consensus",
    what: "In a group of even size half of the members decide: both halves of a partition have a leader.",
    source: "databendlabs/openraft#1802 (a quorum too small); Lamport, Paxos made simple §2.2",
    engine: "any",
    patches: [
      {
        file: membershipFile,
        text: "  return Math.floor(size / 2) + 1;",
        replacement: "  return Math.max(1, Math.ceil(size / 2));",
      },
    ],
  },
  {
    name: "joint-by-one-majority",
    room: "consensus",
    what: "In a joint configuration the majority of either set commits: two majorities that share nobody decide.",
    source: "Raft paper §6; etcd-io/raft#372",
    engine: "any",
    patches: [
      {
        file: membershipFile,
        text: "  return Math.min(majorityReached(membership.voters, reached), majorityReached(membership.outgoing, reached));",
        replacement:
          "  const { voters, outgoing } = membership;\n" +
          "  if (outgoing.length === 0) return majorityReached(voters, reached);\n" +
          "  return Math.max(majorityReached(voters, reached), majorityReached(outgoing, reached));",
      },
      {
        file: membershipFile,
        text: "  return majorityAgrees(membership.voters, agrees) && majorityAgrees(membership.outgoing, agrees);",
        replacement:
          "  if (membership.outgoing.length === 0) return majorityAgrees(membership.voters, agrees);\n" +
          "  return majorityAgrees(membership.voters, agrees) || majorityAgrees(membership.outgoing, agrees);",
      },
    ],
  },
  {
    name: "joint-elects-by-new-set",
    room: "consensus",
    what: "In a joint configuration the incoming voters alone elect: the outgoing ones elect another in the same epoch.",
    source: "Raft paper §6, figure 11",
    engine: "any",
    patches: [
      {
        file: membershipFile,
        text: "  return majorityAgrees(membership.voters, agrees) && majorityAgrees(membership.outgoing, agrees);",
        replacement: "  return majorityAgrees(membership.voters, agrees);",
      },
    ],
  },
  {
    name: "change-before-own-entry",
    room: "consensus",
    what: "A new leader changes the membership before an entry of its own is committed: two changes miss each other.",
    source: "The bug in single-server membership changes, raft-dev t4xj6dJTP6E; baidu/braft#182",
    engine: "raft",
    patches: [
      {
        file: reconfiguration,
        text:
          "  } else if (!s.settled) {\n" +
          '    out.refuse(id, "not settled", `the first entry of epoch ${s.epoch} is not committed yet: try again soon`);\n',
        replacement: "",
      },
    ],
  },
  {
    name: "overlapping-changes",
    room: "consensus",
    what: "The next change of membership does not wait until the last is committed: majorities that share nobody.",
    source: "Raft thesis §4.1; etcd-io/etcd#7625",
    engine: "raft",
    patches: [
      {
        file: reconfiguration,
        text: "  } else if (s.memberships.activeIndex > s.commit || isJoint(current)) {",
        replacement: "  } else if (isJoint(current)) {",
      },
    ],
  },
  {
    name: "configuration-not-rolled-back",
    room: "consensus",
    what: "A configuration whose entry is dropped stays in force: the member counts with peers that were never agreed on.",
    source: "dqlite test_replication.c recvRollbackConfiguration; databendlabs/openraft#920",
    engine: "raft",
    patches: [
      { file: "src/consensus/raft/replication.ts", text: "  s.memberships.truncateFrom(index);\n", replacement: "" },
    ],
  },
  {
    name: "removed-member-disturbs",
    room: "consensus",
    what: "Members help anybody who asks into leadership, also one that was removed or cut off: leaders fall for no reason.",
    source: "Raft thesis §4.2.3; hashicorp/raft#524, #526",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/parts/memberships.ts",
        text: "    if (isVoter(this.at(commit), id)) return true;",
        replacement: "    if (isVoter(this.at(commit), id) || commit > 0) return true;",
      },
      {
        file: "src/consensus/raft/election.ts",
        text: "  if (envelope.epoch < s.epoch || (!m.transfer && isBound(s, from))) {",
        replacement: "  if (envelope.epoch < s.epoch) {",
      },
      {
        file: "src/consensus/raft/election.ts",
        text: "  startPreVote(s);\n}",
        replacement: "  startElection(s, false);\n}",
      },
      {
        file: "src/consensus/raft/dispatch.ts",
        text: "  if (!isMember(s.memberships.active, from)) return false;\n",
        replacement: "",
      },
    ],
  },
];
