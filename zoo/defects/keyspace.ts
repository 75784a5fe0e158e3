/** What the log means: revisions, versions, transactions, compaction, snapshots of the keyspace. */
import type { Defect } from "../defect.ts";

const mvcc = "src/keyspace/mvcc.ts";
const txn = "src/keyspace/txn.ts";

export const keyspace: readonly Defect[] = [
  {
    name: "compacted-revision-read",
    room: "keyspace",
    what: "A read at a compacted revision is answered, with whatever is left of it.",
    source: "etcd-io/etcd#18667; etcd API guarantees (ErrCompacted)",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: "src/keyspace/range.ts",
        text: "  if (wanted < mvcc.compactRevision) throw etcdErrors.compacted();\n",
        replacement: "",
      },
    ],
  },
  {
    name: "history-off-by-one",
    room: "keyspace",
    what: "A read at a revision shows what was before it.",
    source: "etcd-io/etcd server/storage/mvcc key_index `findGeneration`; etcd-io/etcd#17780",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: mvcc,
        text: "  while (record !== null && record.modRevision > revision) record = record.older;",
        replacement:
          "  while (record !== null && record.modRevision >= revision && record.older !== null) record = record.older;",
      },
    ],
  },
  {
    name: "txn-not-atomic",
    room: "keyspace",
    what: "A transaction is not checked as a whole before it is executed: an error in the middle leaves half of it.",
    source: "etcd-io/etcd#18667 (a transaction with a compacted read); etcd-io/etcd server/etcdserver/txn",
    engine: "any",
    habitat: "calls",
    patches: [{ file: txn, text: "  check(state, planned);\n  return execute", replacement: "  return execute" }],
  },
  {
    name: "txn-without-compare",
    room: "keyspace",
    what: "Of several comparisons one that holds is enough: a guarded write goes through without its guard.",
    source: "Jepsen etcd 3.4.3 (transactions), etcd API: all comparisons must hold",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: txn,
        text: "  const succeeded = request.compare.every((compare) => holds(mvcc, compare));",
        replacement:
          "  const { compare: all } = request;\n" +
          "  const succeeded = all.length === 0 || all.some((compare) => holds(mvcc, compare));",
      },
    ],
  },
  {
    name: "txn-lease-checked-late",
    room: "keyspace",
    what: "The lease of a put in a transaction is looked for after the put is made: what is refused has happened.",
    source: "etcd-io/etcd server/etcdserver/txn (requests are checked before the write transaction begins)",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: txn,
        text: '        checkPrevious(state, op.request);\n        checkLease(state, op.request);\n        break;\n      case "txn":',
        replacement: '        checkPrevious(state, op.request);\n        break;\n      case "txn":',
      },
      {
        file: txn,
        text: "        const result = put(state, op.request);\n        responses.push",
        replacement:
          "        const result = put(state, op.request);\n        checkLease(state, op.request);\n        responses.push",
      },
    ],
  },
  {
    name: "delete-range-includes-end",
    room: "keyspace",
    what: "A deletion takes the key at its range's end, too, which does not belong to it.",
    source: "etcd API: range_end is exclusive; Xline validation report",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: txn,
        text: "    mvcc.visit(request.key, upperBound(request.rangeEnd), (record) => records.push(record) > 0);",
        replacement:
          "    const end = upperBound(request.rangeEnd);\n" +
          "    mvcc.visit(request.key, end === null ? null : `${end}\\0`, (record) => records.push(record) > 0);",
      },
    ],
  },
  {
    name: "own-revision-compacted",
    room: "keyspace",
    what: "A compaction takes the changes of the compacted revision itself: a watch from there misses a deletion.",
    source: "etcd-io/etcd#18089, #19179",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: mvcc,
        text: "    history.dropBefore(Math.min(this.#swept, history.indexOf(floor)));",
        replacement: "    history.dropBefore(this.#swept);",
      },
    ],
  },
  {
    name: "sweep-deletes-key-made-again",
    room: "keyspace",
    what: "Sweeping away an old deletion takes the key that was made again since: members differ by how far they swept.",
    source: "etcd-io/etcd key_index (generations end with tombstones); etcd-io/etcd#18667 (divergence by compaction)",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: mvcc,
        text: "      if (record.deleted && this.#tree.get(record.key) === record) this.#tree.delete(record.key);",
        replacement: "      if (record.deleted) this.#tree.delete(record.key);",
      },
    ],
  },
  {
    name: "compaction-forgets-visible-version",
    room: "keyspace",
    what: "A compaction cuts off the version that is still visible at the compacted revision.",
    source: "etcd-io/etcd key_index `compact` (the newest version at the compacted revision stays)",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: mvcc,
        text: "    let floor = this.#compactRevision;\n    for (const pin",
        replacement: "    let floor = this.#compactRevision + 1;\n    for (const pin",
      },
    ],
  },
  {
    name: "empty-change-counts",
    room: "keyspace",
    what: "A deletion that found nothing makes a new revision, which no watcher is ever told of.",
    source: "etcd-io/etcd#17780 (revisions that differ); etcd API: a revision only changes with the keyspace",
    engine: "any",
    habitat: "calls",
    patches: [
      {
        file: mvcc,
        text: "    if (this.#changes > 0) {\n      this.#revision++;",
        replacement: "    {\n      this.#revision++;",
      },
    ],
  },
  {
    name: "image-shares-nodes",
    room: "keyspace",
    what: "A frozen image shares its nodes with the living tree: writes that go on while it is written out get into it.",
    source: "google/btree Clone (copy-on-write tokens); etcd-io/etcd#13766",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: "src/keyspace/tree.ts",
        text: "    this.#owner = {};\n    return copy;",
        replacement: "    return copy;",
      },
    ],
  },
  {
    name: "removals-not-in-snapshot",
    room: "keyspace",
    what: "A snapshot does not say who was removed: who was made from it takes a removed member for one still to come.",
    source: "etcd-io/etcd membership store (removed members are kept); hashicorp/raft#524",
    engine: "any",
    habitat: "changing members",
    patches: [
      {
        file: "src/keyspace/image.ts",
        text: "    w.varint64(id);\n    w.tag(0x18);\n",
        replacement: "    if (id === 0n) w.tag(0x18);\n",
      },
    ],
  },
];
