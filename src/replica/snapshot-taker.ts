/**
 * Writes the replica's own snapshots: when the log since the last one has grown long enough, the keyspace is frozen
 * (O(1)) and written out in slices, one per trip to the disk, while commands go on being applied.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Clock, Logger } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import type { KeyspaceImage } from "../keyspace/keyspace.ts";
import type { GroupStorage } from "../storage/storage.ts";

/** One slice of work and one write. */
export const SNAPSHOT_CHUNK_BYTES: number = 128 << 10;

/** Reasons to give a snapshot up and try again: writes outran it (a newer image, at once), or the disk is full. */
const PAUSE_MS: ReadonlyMap<string, number> = new Map([
  ["IMAGE_OVERTAKEN", 0],
  ["DISK_FULL", 10_000],
]);

export interface SnapshotPolicy {
  /** Entries applied since the last snapshot. */
  readonly entries: number;
  /** Bytes of entries applied since the last snapshot; or as many as the last snapshot had, if that is more. */
  readonly bytes: number;
}

export class SnapshotTaker {
  #sinceEntries = 0;
  #sinceBytes = 0;
  #lastBytes = 0;
  /** When to try again, after the last one was given up. */
  #againAt = Number.POSITIVE_INFINITY;
  #taking: Promise<void> | null = null;
  #stopped = false;
  readonly #clock: Clock;
  readonly #storage: GroupStorage;
  readonly #policy: SnapshotPolicy;
  readonly #logger: Logger;
  readonly #taken: (meta: SnapshotMeta) => void;
  readonly #failed: (error: Error) => void;

  constructor(options: {
    clock: Clock;
    storage: GroupStorage;
    policy: SnapshotPolicy;
    logger: Logger;
    taken: (meta: SnapshotMeta) => void;
    failed: (error: Error) => void;
  }) {
    this.#clock = options.clock;
    this.#storage = options.storage;
    this.#policy = options.policy;
    this.#logger = options.logger;
    this.#taken = options.taken;
    this.#failed = options.failed;
  }

  get busy(): boolean {
    return this.#taking !== null;
  }

  applied(entries: number, bytes: number): void {
    this.#sinceEntries += entries;
    this.#sinceBytes += bytes;
  }

  get due(): boolean {
    const { entries, bytes } = this.#policy;
    if (this.#clock.now() >= this.#againAt) return true;
    return this.#sinceEntries >= entries || this.#sinceBytes >= Math.max(bytes, this.#lastBytes);
  }

  /** A snapshot from elsewhere was installed: the count starts anew. */
  reset(): void {
    this.#sinceEntries = 0;
    this.#sinceBytes = 0;
    this.#againAt = Number.POSITIVE_INFINITY;
  }

  /** Begins one of `image`, which is the state right after the entry at `meta`. No effect while one is being taken. */
  take(meta: SnapshotMeta, image: KeyspaceImage): void {
    if (this.#taking !== null || this.#stopped) return image.release();
    this.reset();
    this.#taking = this.#write(meta, image)
      .catch((error: unknown) => this.#giveUp(meta, error))
      .finally(() => {
        image.release();
        this.#taking = null;
      });
  }

  async #write(meta: SnapshotMeta, image: KeyspaceImage): Promise<void> {
    const writer = await this.#storage.beginSnapshot(meta);
    try {
      for (const chunk of image.chunks(SNAPSHOT_CHUNK_BYTES)) {
        if (this.#stopped) break;
        await writer.write(chunk);
      }
    } catch (error) {
      await writer.abort();
      throw error;
    }
    if (this.#stopped) return await writer.abort();
    const bytes = writer.offset;
    await writer.commit();
    this.#lastBytes = bytes;
    this.#logger.info(
      { index: meta.index, epoch: meta.epoch, bytes },
      `wrote snapshot at index ${meta.index}, ${bytes} bytes`,
    );
    this.#taken(meta);
  }

  /** What time can mend is tried again; the log keeps what the snapshot would have covered. */
  #giveUp(meta: SnapshotMeta, error: unknown): void {
    const pauseMs = error instanceof QuorateError ? (PAUSE_MS.get(error.code) ?? null) : null;
    if (pauseMs === null) return this.#failed(error instanceof Error ? error : new Error(String(error)));
    this.#againAt = this.#clock.now() + pauseMs;
    this.#logger.warn({ index: meta.index }, `gave up the snapshot at index ${meta.index}: ${String(error)}`);
  }

  /** Gives up the one being taken and waits for it to be cleaned up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#taking;
  }
}
