/** The log: appending, acknowledging, committing, catching up. */
import type { Defect } from "../defect.ts";

const replicationFile = "src/consensus/raft/replication.ts";
const snapshotFile = "src/consensus/raft/snapshot.ts";

export const replication: readonly Defect[] = [
  {
    name: "figure-8",
    room: "consensus",
    what: "An entry of an older epoch is committed because a majority has it; a later leader may still overwrite it.",
    source: "Raft paper §5.4.2, figure 8; logcabin#44",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "  if (index > s.commit && s.log.epochAt(index) === s.epoch) advanceCommit(s, index);",
        replacement: "  if (index > s.commit) advanceCommit(s, index);",
      },
    ],
  },
  {
    name: "ack-before-durable",
    room: "consensus",
    what: "A follower acknowledges entries that are on their way to its disk: a crash of two loses what was answered.",
    source: "Raft thesis §10.2.1; etcd-io/raft raft.go `send` (msgsAfterAppend)",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "hintIndex: 0, hintEpoch: 0, lastIndex: s.log.lastIndex }, s.barrier);",
        replacement: "hintIndex: 0, hintEpoch: 0, lastIndex: s.log.lastIndex });",
      },
    ],
  },
  {
    name: "leader-counts-itself-early",
    room: "consensus",
    what: "A leader counts its own copy before it is on its disk: in a cluster of one every acknowledged write may be lost.",
    source: "etcd-io/etcd#14370",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "    if (id === s.id) return s.writes.durableIndex;",
        replacement: "    if (id === s.id) return s.log.lastIndex;",
      },
    ],
  },
  {
    name: "durable-index-aba",
    room: "consensus",
    what: "A write that was overtaken by a truncation still counts as the place where it was: durable before it is.",
    source: "etcd-io/raft testdata/async_storage_writes_append_aba_race.txt",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/parts/writes.ts",
        text: "    for (const write of this.#underway) write.lastIndex = Math.min(write.lastIndex, index - 1);\n",
        replacement: "",
      },
    ],
  },
  {
    name: "duplicate-append-truncates",
    room: "consensus",
    what: "A late append drops what follows the entries in it, although they are the same: acknowledged entries go.",
    source: "Raft paper, figure 2, AppendEntries step 3; microsoft/CCF#5674",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "    if (s.log.epochAt(entry.index) === entry.epoch) continue;\n",
        replacement: "",
      },
    ],
  },
  {
    name: "truncation-below-commit",
    room: "consensus",
    what: "An append that begins in what is committed replaces it: committed entries are dropped and written anew.",
    source: "etcd-io/raft handleAppendEntries (index below committed); etcd-io/etcd#13509",
    engine: "raft",
    patches: [
      { file: replicationFile, text: "  if (m.prevIndex < s.commit) return onOverlap(s, from, m);\n", replacement: "" },
      {
        file: replicationFile,
        text: "    if (s.log.epochAt(entry.index) === entry.epoch) continue;\n",
        replacement: "",
      },
      {
        file: replicationFile,
        text: "  if (index <= s.commit)\n    throw new InvariantViolation(`entry ${index} is committed (up to ${s.commit}) and cannot be replaced`);\n",
        replacement: "",
      },
    ],
  },
  {
    name: "conflict-not-truncated",
    room: "consensus",
    what: "A follower keeps its own entries where the leader's differ, and acknowledges the leader's: logs diverge.",
    source: "Raft paper §5.3, figure 7",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "    if (entry.index <= s.log.lastIndex) dropFrom(s, entry.index);",
        replacement: "    if (entry.index <= s.log.lastIndex) continue;",
      },
    ],
  },
  {
    name: "append-commits-unseen",
    room: "consensus",
    what: "A follower takes the leader's commit index for all it holds, also behind what the message proved to match.",
    source: "Raft paper, figure 2: min(leaderCommit, index of last *new* entry)",
    engine: "raft",
    patches: [
      {
        file: replicationFile,
        text: "  const commit = Math.min(m.commit, last);",
        replacement: "  const commit = Math.min(m.commit, s.log.lastIndex);",
      },
    ],
  },
  {
    name: "heartbeat-commits-unseen",
    room: "consensus",
    what: "A heartbeat's commit index is believed without a look at the entry there: a divergent tail is applied.",
    source: "etcd-io/raft bcastHeartbeat (min(match, committed)); etcd-io/etcd#10166",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/heartbeat.ts",
        text: "  if (m.commitIndex > s.commit && s.log.epochAt(m.commitIndex) === m.commitEpoch) advanceCommit(s, m.commitIndex);",
        replacement:
          "  const told = Math.min(m.commitIndex, s.log.lastIndex);\n  if (told > s.commit) advanceCommit(s, told);",
      },
    ],
  },
  {
    name: "snapshot-goes-back",
    room: "consensus",
    what: "A snapshot that is older than what is committed here is installed all the same: the state goes back in time.",
    source: "etcd-io/raft TestRestoreIgnoreSnapshot; databendlabs/openraft#1930",
    engine: "raft",
    patches: [
      {
        file: snapshotFile,
        text: "  if (snapshot.index <= s.commit) {",
        replacement: "  if (snapshot.index <= s.log.base.index) {",
      },
      {
        file: snapshotFile,
        text: "  if (s.log.holds(snapshot)) {\n    // All entries",
        replacement: "  if (s.log.lastIndex === snapshot.index && s.log.holds(snapshot)) {\n    // All entries",
      },
    ],
  },
  {
    name: "snapshot-without-configuration",
    room: "consensus",
    what: "An installed snapshot leaves the old configuration in force: the member votes and counts with the wrong peers.",
    source: "etcd-io/raft TestRestore*; dqlite test_snapshot.c",
    engine: "raft",
    patches: [
      {
        file: snapshotFile,
        text: "  s.memberships.reset(snapshot.membership, snapshot.index);",
        replacement: "  s.memberships.reset(s.memberships.at(s.commit), snapshot.index);",
      },
    ],
  },
  {
    name: "failed-snapshot-never-repeated",
    room: "consensus",
    what: "A snapshot that did not arrive is taken for one still on its way: its follower never catches up.",
    source: "etcd-io/raft ReportSnapshot; databendlabs/openraft#1828",
    engine: "raft",
    patches: [
      {
        file: snapshotFile,
        text: "  const reached = Math.min(Math.max(index, p.snapshotIndex), s.log.lastIndex);\n",
        replacement:
          "  if (!ok) return;\n  const reached = Math.min(Math.max(index, p.snapshotIndex), s.log.lastIndex);\n",
      },
    ],
  },
  {
    name: "lost-probe-never-repeated",
    room: "consensus",
    what: "The answer to a heartbeat does not open a paused probe again: a lost message leaves the follower behind for ever.",
    source: "etcd-io/raft testdata/heartbeat_resp_recovers_from_probing.txt",
    engine: "raft",
    patches: [
      {
        file: "src/consensus/raft/heartbeat.ts",
        text: "  p.paused = false;\n  // Whatever was on its way may be lost. An empty message finds out, even when the window is full.\n  if (p.state",
        replacement: "  if (p.paused) return true;\n  if (p.state",
      },
    ],
  },
];
