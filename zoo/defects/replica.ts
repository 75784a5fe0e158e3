/** Where effects are carried out: sending, applying, answering, snapshots on their way. */
import type { Defect } from "../defect.ts";

const intake = "src/replica/intake.ts";
const proposals = "src/replica/proposals.ts";

export const replica: readonly Defect[] = [
  {
    name: "sent-one-write-early",
    room: "replica",
    what: "A message that promises something leaves when the write before the one it needs is on the disk.",
    source: "etcd-io/raft rawnode.go (messages after Ready is persisted); lni/dragonboat engine.go ordering",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: "src/replica/outbox.ts",
        text: "      if (message.after <= this.#durable) this.#send(message);",
        replacement: "      if (message.after - 1 <= this.#durable) this.#send(message);",
      },
    ],
  },
  {
    name: "forward-taken-twice",
    room: "replica",
    what: "A leader does not know which forwarded batches it has logged: one that is sent again is applied twice.",
    source: "Raft thesis §6.3; Jepsen Redis-Raft (2020), duplicated requests",
    engine: "any",
    habitat: "broken links",
    patches: [
      {
        file: proposals,
        text: "    if (last !== undefined && last.boot === boot && sequence <= last.sequence) return false;",
        replacement: "    if (last !== undefined && last.boot === boot && sequence < 0) return false;",
      },
    ],
  },
  {
    name: "forward-of-new-boot-refused",
    room: "replica",
    what: "A restarted member counts from one again and is taken for old: its clients' writes all time out.",
    source: "Raft thesis §6.3 (session ids); omnipaxos#67 (session numbers)",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: proposals,
        text: "    if (last !== undefined && last.boot === boot && sequence <= last.sequence) return false;",
        replacement: "    if (last !== undefined && sequence <= last.sequence) return false;",
      },
    ],
  },
  {
    name: "batch-of-former-life-answers",
    room: "replica",
    what: "A batch of this member's life before the restart answers a new call: it is told of a result that is not its own.",
    source: "Raft thesis §6.3; etcd-io/etcd pkg/idutil (ids differ between two lives)",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: intake,
        text: "    if (proposer === this.#self && boot === this.#boot) this.#proposals.applied(sequence, results);",
        replacement: "    if (proposer === this.#self && boot > 0) this.#proposals.applied(sequence, results);",
      },
    ],
  },
  {
    name: "proposed-again-too-soon",
    room: "replica",
    what: "A change of leader sends all that is in flight again, although the old entry may still be committed: twice.",
    source: "etcd-io/raft drops of proposals on leader change; Jepsen etcd 3.4.3 (duplicated transactions on retry)",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: intake,
        text: "  statusChanged({ role }: Status): void {\n    this.#notBefore = 0;",
        replacement:
          "  statusChanged({ role, epoch }: Status): void {\n    this.#proposals.epochApplied(epoch);\n    this.#notBefore = 0;",
      },
    ],
  },
  {
    name: "proposals-outlive-snapshot",
    room: "replica",
    what: "What was in flight when a snapshot replaced the state, which may hold its effect, is proposed once more.",
    source: "Raft thesis §6.3 (sessions are part of the snapshot); etcd-io/etcd#13766",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/replica/replica.ts",
        text: "    this.#intake.outcomeLost(this.keyspace.revision);\n",
        replacement: "",
      },
    ],
  },
  {
    name: "unknown-outcome-refused",
    room: "replica",
    what: "A write in flight when the leader is lost is answered as one that had no effect; then it is applied.",
    source: "Jepsen, definite and indefinite errors (etcd 3.4.3, Redis-Raft)",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: proposals,
        text: '        if (overdue(pending)) this.#answer(pending, { type: "error", revision, error: etcdErrors.timeout() });',
        replacement:
          "        const error = hasLeader ? etcdErrors.tooManyRequests() : etcdErrors.noLeader();\n" +
          '        if (overdue(pending)) this.#answer(pending, { type: "error", revision, error });',
      },
    ],
  },
  {
    name: "read-before-applied",
    room: "replica",
    what: "A read is answered when its index is known, before this member has applied everything up to it.",
    source: "etcd-io/etcd#3879; Raft thesis §6.4 step 4",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: "src/replica/reads.ts",
        text: "    if (index <= applied) {",
        replacement: "    if (index <= applied || index > 0) {",
      },
    ],
  },
  {
    name: "snapshot-frozen-late",
    room: "replica",
    what: "A snapshot holds more than its index says: after a restart from it, entries are applied a second time.",
    source: "etcd-io/etcd#13766 and PR#13854 (applied index and state in one write)",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/replica/snapshots.ts",
        text: "    this.#taker.take(meta, freeze());",
        replacement: "    this.#ports.clock.after(5, () => this.#taker.take(meta, freeze()));",
      },
    ],
  },
  {
    name: "snapshot-chunk-anywhere",
    room: "replica",
    what: "A chunk of a snapshot is appended wherever it belongs: one that comes twice shifts all that follow.",
    source: "Raft paper §7, InstallSnapshot step 3 (offset); dqlite test_snapshot.c",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/replica/snapshot-receiver.ts",
        text: "    if (chunk.offset !== receiving.expected || chunk.offset + chunk.content.length > chunk.size) {",
        replacement: "    if (receiving.expected + chunk.content.length > chunk.size) {",
      },
    ],
  },
  {
    name: "two-snapshots-in-one",
    room: "replica",
    what: "Chunks of a newer snapshot are appended to the older one under way: a file made of two states.",
    source: "etcd-io/etcd#18055, #20657 (two snapshots in quick succession)",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/replica/snapshot-receiver.ts",
        text: "  return a.index === b.index && a.epoch === b.epoch;",
        replacement: "  return a.epoch === b.epoch && a.index > 0 && b.index > 0;",
      },
    ],
  },
  {
    name: "results-shifted-by-error",
    room: "replica",
    what: "A command that fails leaves no result in its batch: the callers behind it get their neighbours' results.",
    source: "Jepsen Redis-Raft (2020), answers to other requests",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: "src/replica/applier.ts",
        text: "          commands.map((command) => this.#command(command)),",
        replacement:
          '          commands.map((command) => this.#command(command)).filter(({ type }) => type !== "error"),',
      },
    ],
  },
];
