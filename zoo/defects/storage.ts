/** What survives a crash: log segments, engine state, snapshots. */
import type { Defect } from "../defect.ts";

const chain = "src/storage/segment-chain.ts";

export const storage: readonly Defect[] = [
  {
    name: "append-not-synced",
    room: "storage",
    what: "A batch counts as durable when the system has it: a power failure of all takes acknowledged writes.",
    source: "etcd-io/etcd#14143 (lazyfs); Jepsen etcd 3.4.3",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: chain,
        text: "    await active.file.writeAndSync(encoded.pieces, active.offset);",
        replacement: "    await active.file.write(encoded.pieces, active.offset);",
      },
    ],
  },
  {
    name: "directory-not-synced",
    room: "storage",
    what: "A new segment's name is not made durable: a power failure takes the file and all that was synced into it.",
    source: "etcd-io/etcd#6368; Pillai et al., All file systems are not created equal (OSDI 2014)",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: chain,
        text: "    try {\n      await disk.syncDirectory(directory);\n    } catch (error) {\n      // The name is there,",
        replacement: "    try {\n      await disk.list(directory);\n    } catch (error) {\n      // The name is there,",
      },
    ],
  },
  {
    name: "snapshot-not-synced",
    room: "storage",
    what: "A snapshot is published, and the log behind it released, before its content is on the disk.",
    source: "etcd-io/etcd#10219; Pillai et al. (OSDI 2014), rename without fsync",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: "src/storage/snapshot-writer.ts",
        text: "      await this.#sync();\n      await this.#file.close();",
        replacement: "      await this.#file.close();",
      },
    ],
  },
  {
    name: "snapshot-name-not-synced",
    room: "storage",
    what: "A snapshot's new name is not made durable before the log is released: a power failure leaves neither.",
    source: "etcd-io/etcd#6368; canonical/dqlite#309",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: "src/storage/snapshots.ts",
        text: "      await disk.syncDirectory(directory);\n      this.#others.delete(from);",
        replacement: "      this.#others.delete(from);",
      },
    ],
  },
  {
    name: "log-released-early",
    room: "storage",
    what: "The log is released when its snapshot is written, before it is published: a crash in between leaves a gap.",
    source: "etcd-io/etcd#10219; canonical/dqlite#309",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: "src/replica/snapshot-taker.ts",
        text: "    await writer.commit();\n    this.#lastBytes = bytes;",
        replacement: "    this.#taken(meta);\n    await writer.commit();\n    this.#lastBytes = bytes;",
      },
      { file: "src/replica/snapshot-taker.ts", text: "    );\n    this.#taken(meta);\n", replacement: "    );\n" },
      {
        file: "src/storage/group-storage.ts",
        text: "    if (upTo > covered)\n      throw new InvariantViolation(`entries up to ${upTo} cannot be released: the newest snapshot is at ${covered}`);\n",
        replacement: "    if (covered < 0)\n",
      },
    ],
  },
  {
    name: "released-one-too-many",
    room: "storage",
    what: "A segment goes although the first entry behind the snapshot is in it: at the next start the log has a gap.",
    source: "canonical/dqlite#589; apache/zookeeper ZOOKEEPER-4882 (a hole after rejoining)",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: chain,
        text: "index <= (this.#released.get(id) ?? 0))) break;",
        replacement: "index <= (this.#released.get(id) ?? 0) + 1)) break;",
      },
    ],
  },
  {
    name: "recovered-batch-not-reaffirmed",
    room: "storage",
    what: "What a killed process had written and not synced is read by the next start, said to be durable, and then lost.",
    source: "Found here by the simulator, seed 1043; Rebello et al. (ATC 2020)",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: "src/storage/open-storage.ts",
        text: "  await reaffirm(disk, [directory, `${directory}/${logName}`, `${directory}/${snapshotsName}`], log.segments.at(-1));\n",
        replacement: "",
      },
    ],
  },
  {
    name: "state-left-in-old-segment",
    room: "storage",
    what: "A new segment does not repeat the engine's state: when the old ones go, epoch and vote are forgotten.",
    source: "etcd-io/etcd server/storage/wal `cut` (hard state in each segment); etcd-io/etcd#10219",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: chain,
        text: "      const kind = (state === null ? 0 : CheckpointFlag.hasState) | (untrusted",
        replacement: "      const kind = (untrusted",
      },
    ],
  },
  {
    name: "torn-batch-taken",
    room: "storage",
    what: "The data of a record is not checked against its checksum: half of a torn or rotten batch is taken for good.",
    source: "etcd-io/etcd#6515; Ganesan et al., Redundancy does not imply fault tolerance (FAST 2017)",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: "src/storage/record.ts",
        text: "  if ((length === 0 ? seed : checksum(data, seed)) !== dataChecksum) return",
        replacement: "  if (length === 0 && seed !== dataChecksum) return",
      },
    ],
  },
  {
    name: "middle-damage-truncated",
    room: "storage",
    what: "Damage in front of later batches is cut off like a torn tail: acknowledged entries go, and nobody is told.",
    source:
      "dqlite uv_segment.c uvSegmentLoadOpen; logcabin SegmentedLog loadOpenSegment; Alagappan et al. (FAST 2018)",
    engine: "any",
    habitat: "rotten disks",
    patches: [
      {
        file: "src/storage/recovery.ts",
        text: "  if (!evidence.newest || !evidence.header || evidence.later) return",
        replacement: "  if (!evidence.newest || !evidence.header) return",
      },
    ],
  },
  {
    name: "tail-hint-ignored",
    room: "storage",
    what: "A log that ends before what was known to be durable is believed: a rotten last batch passes for a torn one.",
    source: "Alagappan et al., Protocol-Aware Recovery (FAST 2018); tigerbeetle recovering_head",
    engine: "any",
    habitat: "rotten disks",
    patches: [
      {
        file: "src/storage/recover.ts",
        text: '  const hinted = hint === null ? "none" : hintBeyond(hint, result) ? "beyond" : "reached";',
        replacement: '  const hinted = hint === null || hintBeyond(hint, result) ? "none" : "reached";',
      },
    ],
  },
  {
    name: "snapshot-not-verified",
    room: "storage",
    what: "A snapshot's blocks are not checked against their checksums: flipped bits become the state, and are sent on.",
    source: "Ganesan et al. (FAST 2017); etcd-io/etcd#13766 discussion of silent corruption",
    engine: "any",
    habitat: "rotten disks",
    patches: [
      {
        file: "src/storage/snapshot-reader.ts",
        text: "      if (content.length !== length || bytes.readUInt32LE(at + 4) !== length || bytes.readUInt32LE(at) !== sum) {",
        replacement: "      if (content.length !== length || bytes.readUInt32LE(at + 4) !== length || sum < 0) {",
      },
      {
        file: "src/storage/snapshot-reader.ts",
        text: "    if (digest !== this.#footer.digest)",
        replacement: "    if (digest < 0)",
      },
    ],
  },
  {
    name: "write-lost-on-full-disk",
    room: "storage",
    what: "A batch that does not fit is given up instead of tried again, and those behind it count as the log.",
    source: "etcd-io/etcd#3068; canonical/dqlite#309",
    engine: "any",
    habitat: "full disks",
    patches: [
      {
        file: "src/storage/wal.ts",
        text: "      await this.#pause();\n      if (this.#hasFailed) return false;",
        replacement: "      await this.#pause();\n      return !this.#hasFailed;",
      },
    ],
  },
  {
    name: "sync-error-repeated",
    room: "storage",
    what: "A failed sync is asked for again, and succeeds, because the pages that it could not write are gone.",
    source: "Rebello et al., Can applications recover from fsync failures? (ATC 2020); cockroachdb/cockroach#37102",
    engine: "any",
    habitat: "power failures",
    patches: [
      {
        file: chain,
        text: "    await active.file.writeAndSync(encoded.pieces, active.offset);",
        replacement:
          "    await active.file.write(encoded.pieces, active.offset);\n" +
          "    await active.file.sync().catch(() => active.file.sync());",
      },
    ],
  },
];
