import type { SnapshotMeta, Write } from "../consensus/engine.ts";
import type { GroupId } from "../environment.ts";
import { InvariantViolation } from "../errors.ts";
import type { GroupLog } from "./group-log.ts";
import { type LogRecord, maxRecordBytes, RecordType, ResetKind, recordBytes } from "./record.ts";
import type { RecoveredGroup } from "./recover.ts";
import type { Snapshots } from "./snapshots.ts";
import type { GroupStorage, Recovered, SnapshotReader, SnapshotWriter } from "./storage.ts";
import type { Wal } from "./wal.ts";

const none = new Uint8Array(0);

/** One group's part of the log: checks that writes fit what is there, and turns them into records. */
export class LogGroup implements GroupStorage {
  readonly #id: GroupId;
  readonly #wal: Wal;
  readonly #snapshots: Snapshots;
  readonly #log: GroupLog;
  #recovered: Recovered | null;
  #state: Uint8Array | null;
  #untrusted: boolean;
  /** The disk does not know yet that the group is untrusted. */
  #unmarked: boolean;
  #lastWrite: number | null = null;

  constructor(id: GroupId, found: RecoveredGroup, isNew: boolean, wal: Wal, snapshots: Snapshots) {
    this.#id = id;
    this.#wal = wal;
    this.#snapshots = snapshots;
    this.#log = found.log;
    this.#state = found.state;
    this.#untrusted = found.untrusted;
    this.#unmarked = isNew && found.untrusted;
    const { state, snapshot, entries, untrusted, findings } = found;
    this.#recovered = { state, snapshot, entries, untrusted, findings };
  }

  get recovered(): Recovered {
    if (this.#recovered === null)
      throw new InvariantViolation(`what was recovered of group ${this.#id} was let go with its first write`);
    return this.#recovered;
  }

  write(write: Write): void {
    const expected = (this.#lastWrite ?? write.number - 1) + 1;
    if (write.number !== expected)
      throw new InvariantViolation(`write ${write.number} of group ${this.#id} comes where ${expected} is due`);
    this.#lastWrite = write.number;
    this.#recovered = null;
    const records: LogRecord[] = [];
    const group = this.#id;
    let highest = 0;
    if (this.#unmarked) {
      records.push({ type: RecordType.trust, kind: 1, group, index: 0, epoch: 0, data: none });
      this.#unmarked = false;
    }
    if (write.snapshot !== null) {
      const { index, epoch } = write.snapshot;
      records.push({
        type: RecordType.snapshot,
        kind: this.#startBehind(write.snapshot),
        group,
        index,
        epoch,
        data: none,
      });
      highest = index;
    }
    if (write.truncateFrom !== null) {
      const index = write.truncateFrom;
      if (!(index >= 1 && index <= this.#log.lastIndex + 1))
        throw new InvariantViolation(`cannot truncate from ${index}: last is ${this.#log.lastIndex}`);
      records.push({ type: RecordType.truncate, kind: 0, group, index, epoch: 0, data: none });
      this.#log.truncate(index);
    }
    for (const { index, epoch, kind, data } of write.entries) {
      this.#log.append({ index, epoch });
      records.push({ type: RecordType.entry, kind, group, index, epoch, data });
      highest = Math.max(highest, index);
    }
    if (write.state !== null) {
      this.#state = write.state;
      records.push({ type: RecordType.state, kind: 0, group, index: 0, epoch: 0, data: write.state });
    }
    this.#append(write.number, records, highest);
  }

  markTrusted(): void {
    if (!this.#untrusted) return;
    this.#untrusted = false;
    this.#unmarked = false;
    const record = { type: RecordType.trust, kind: 0, group: this.#id, index: 0, epoch: 0, data: none };
    this.#append(null, [record], 0);
  }

  beginSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    return this.#snapshots.begin(this.#id, meta);
  }

  openSnapshot(): Promise<SnapshotReader | null> {
    return this.#snapshots.open(this.#id);
  }

  async release(upTo: number): Promise<void> {
    const covered = this.#snapshots.newest(this.#id)?.index ?? 0;
    if (upTo > covered)
      throw new InvariantViolation(`entries up to ${upTo} cannot be released: the newest snapshot is at ${covered}`);
    if (upTo <= this.#log.lastIndex) this.#log.forget(upTo);
    // The head of a segment must know the log's end before the records that lead to it may go.
    await this.#wal.barrier();
    await this.#wal.release(this.#id, upTo);
  }

  #startBehind(meta: SnapshotMeta): number {
    const published = this.#snapshots.newest(this.#id);
    if (!(published !== null && published.index >= meta.index))
      throw new InvariantViolation(
        `the log of group ${this.#id} cannot start behind snapshot ${meta.index}: it is not published`,
      );
    if (this.#log.holds(meta)) return ResetKind.keep;
    this.#log.reset(meta);
    return ResetKind.drop;
  }

  #append(number: number | null, records: readonly LogRecord[], highest: number): void {
    let bytes = 0;
    for (const { data } of records) {
      if (data.length > maxRecordBytes)
        throw new InvariantViolation(`${data.length} bytes in one entry exceed the limit of ${maxRecordBytes}`);
      bytes += recordBytes(data.length);
    }
    const checkpoint = { last: this.#log.last, state: this.#state, untrusted: this.#untrusted };
    this.#wal.append({ group: this.#id, number, records, bytes, highest, checkpoint });
  }
}
