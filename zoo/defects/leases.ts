/** Leases: what hangs on them, and who may say that their time is over. */
import type { Defect } from "../defect.ts";

const leasing = "src/replica/leasing.ts";
const lessor = "src/keyspace/lessor.ts";
const replicaFile = "src/replica/replica.ts";
const txn = "src/keyspace/txn.ts";

export const leases: readonly Defect[] = [
  {
    name: "lease-revived",
    room: "keyspace",
    what: "A lease whose time is over is renewed while its revocation is on the way: the client trusts in a dead lease.",
    source: "etcd-io/etcd lessor Renew (waits for the revocation); Jepsen etcd 3.4.3, etcd-io/etcd#11456",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: lessor,
        text: "    if (lease === undefined || lease.deadline <= now) return null;\n    lease.deadline = now + lease.ttlMs;",
        replacement: "    if (lease === undefined) return null;\n    lease.deadline = now + lease.ttlMs;",
      },
    ],
  },
  {
    name: "renewal-moves-no-deadline",
    room: "keyspace",
    what: "A renewal is answered but the alarm stays where it was: the lease ends although its client kept it alive.",
    source: "etcd-io/etcd#10686; etcd-io/etcd LeaseExpiredNotifier RegisterOrUpdate",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: lessor,
        text: "    this.#expiries.set(lease.expiry, lease.deadline);\n    if (lease",
        replacement: "    if (lease",
      },
    ],
  },
  {
    name: "checkpoint-outlives-renewal",
    room: "keyspace",
    what: "A renewal does not make the checkpoint before it void: the next leader ends the lease much too early.",
    source: "etcd-io/etcd#9395 (remaining TTL at an election)",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        // So that leases of seconds have checkpoints, as those of minutes have.
        file: lessor,
        text: "options.checkpointIntervalMs ?? 300_000;",
        replacement: "options.checkpointIntervalMs ?? 400;",
      },
      {
        file: lessor,
        text: '      lease.checkpointed = "void";\n      this.#checkpoints.set(lease.checkpoint, now);\n    }\n    return',
        replacement: "      this.#planCheckpoint(lease, now);\n    }\n    return",
      },
    ],
  },
  {
    name: "expiry-outlives-leader",
    room: "replica",
    what: "The order to revoke an expired lease goes on to the next leader, with which the client has renewed it since.",
    source: "etcd-io/etcd#15247 (stale leader revokes leases); Gray & Cheriton, Leases (1989)",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: replicaFile,
        text: "      propose: (command, epoch, done) => this.propose(command, done, { onlyInEpoch: epoch }),",
        replacement: "      propose: (command, _epoch, done) => this.propose(command, done),",
      },
    ],
  },
  {
    name: "expiry-in-successors-epoch",
    room: "replica",
    what: "A leader that was deposed while it stood still orders revocations in the epoch of its successor.",
    source: "Found here by the simulator, seed 192; etcd-io/etcd#15247, #7617",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: leasing,
        text: "    return this.#epoch !== 0 && this.#ports.epochLed() === this.#epoch ? this.#epoch : 0;",
        replacement: "    return this.#epoch;",
      },
      {
        file: replicaFile,
        text: "      propose: (command, epoch, done) => this.propose(command, done, { onlyInEpoch: epoch }),",
        replacement:
          "      propose: (command, _epoch, done) =>\n" +
          "        this.propose(command, done, { onlyInEpoch: this.#engine.status.epoch }),",
      },
    ],
  },
  {
    name: "deadlines-of-former-leadership",
    room: "replica",
    what: "A leader that leads again counts on with the deadlines of its former time: it ends leases that others renewed.",
    source: "etcd-io/etcd lessor Demote and Promote; etcd-io/etcd#7617",
    engine: "any",
    habitat: "leases",
    patches: [
      { file: leasing, text: "    this.#epoch = 0;\n    this.#lessor.demote();\n", replacement: "" },
      {
        file: leasing,
        text: "    if (epoch === this.#epoch) return;\n    this.demote();\n    this.#epoch = epoch;\n",
        replacement: "    const first = this.#epoch === 0;\n    this.#epoch = epoch;\n    if (!first) return;\n",
      },
    ],
  },
  {
    name: "renewed-without-proof",
    room: "replica",
    what: "Who believes to lead renews leases: a deposed leader tells a client of time that the new leader does not give.",
    source: "etcd-io/etcd#15247; etcd-io/etcd v3_server.go LeaseRenew (ensureLeadership)",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: leasing,
        text: "    await this.#assured();\n    const ttl",
        replacement: "    if (this.epoch === 0) throw etcdErrors.notLeader();\n    const ttl",
      },
    ],
  },
  {
    name: "put-keeps-lease-with-value",
    room: "keyspace",
    what: "A put that keeps the value keeps the lease too, though it was to detach it: the key dies with that lease.",
    source: "etcd API: ignore_value and ignore_lease are independent; Xline validation report",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: txn,
        text: "  const wanted = request.ignoreLease ? (previous?.lease ?? 0n) : request.lease;",
        replacement:
          "  const wanted = request.ignoreLease || request.ignoreValue ? (previous?.lease ?? 0n) : request.lease;",
      },
    ],
  },
  {
    name: "attachment-outlives-key",
    room: "keyspace",
    what: "A deleted key stays on its lease's list: made again without a lease, it is deleted when that one ends.",
    source: "etcd-io/etcd kvstore_txn `delete` (detaches the key from its lease)",
    engine: "any",
    habitat: "leases",
    patches: [{ file: txn, text: "    state.leases.detach(record.key, record.lease);\n", replacement: "" }],
  },
  {
    name: "old-lease-not-detached",
    room: "keyspace",
    what: "A key that moves to another lease stays on the first one's list, and is deleted with it.",
    source: "etcd-io/etcd kvstore_txn `put` (detaches from the old lease)",
    engine: "any",
    habitat: "leases",
    patches: [{ file: "src/keyspace/leases.ts", text: "    this.detach(key, before);\n", replacement: "" }],
  },
  {
    name: "attachments-not-in-snapshot",
    room: "keyspace",
    what: "A keyspace made from a snapshot does not know what hangs on its leases: revoked, their keys stay there only.",
    source: "etcd-io/etcd mvcc restoreChunk (attaches leases anew)",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/keyspace/loader.ts",
        text: "          this.#leases.attach(record.key, record.lease, 0n);\n",
        replacement: "",
      },
    ],
  },
  {
    name: "lessor-counts-from-zero",
    room: "keyspace",
    what: "A new leader's deadlines begin at the zero of its clock instead of at now: all leases end when it is elected.",
    source: "etcd-io/etcd#9496; etcd-io/etcd lessor Promote (deadlines are extended from now)",
    engine: "any",
    habitat: "leases",
    patches: [
      {
        file: lessor,
        text: "      return { lease, deadline: now + this.#graceMs + leftMs };",
        replacement: "      return { lease, deadline: this.#graceMs + leftMs };",
      },
    ],
  },
];
