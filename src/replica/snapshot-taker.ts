/**
 * Writes the replica's own snapshots: when the log since the last one has grown long enough, the keyspace is frozen
 * (O(1)) and written out in slices, one per trip to the disk, while commands go on being applied.
 */
import type { SnapshotMeta } from "../consensus/engine.ts";
import type { Logger } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import type { KeyspaceImage } from "../keyspace/keyspace.ts";
import type { GroupStorage, SnapshotWriter } from "../storage/storage.ts";

/** One slice of work and one write. */
export const SNAPSHOT_CHUNK_BYTES: number = 128 << 10;

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
  /** The last one was given up. */
  #overtaken = false;
  #taking: Promise<void> | null = null;
  #stopped = false;
  readonly #storage: GroupStorage;
  readonly #policy: SnapshotPolicy;
  readonly #logger: Logger;
  readonly #taken: (meta: SnapshotMeta) => void;
  readonly #failed: (error: Error) => void;

  constructor(options: {
    storage: GroupStorage;
    policy: SnapshotPolicy;
    logger: Logger;
    taken: (meta: SnapshotMeta) => void;
    failed: (error: Error) => void;
  }) {
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
    return this.#overtaken || this.#sinceEntries >= entries || this.#sinceBytes >= Math.max(bytes, this.#lastBytes);
  }

  /** A snapshot from elsewhere was installed: the count starts anew. */
  reset(): void {
    this.#sinceEntries = 0;
    this.#sinceBytes = 0;
    this.#overtaken = false;
  }

  /** Begins one of `image`, which is the state right after the entry at `meta`. No effect while one is being taken. */
  take(meta: SnapshotMeta, image: KeyspaceImage): void {
    if (this.#taking !== null || this.#stopped) return image.release();
    this.reset();
    this.#taking = this.#write(meta, image)
      .catch((error: unknown) => this.#failed(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#taking = null;
      });
  }

  async #write(meta: SnapshotMeta, image: KeyspaceImage): Promise<void> {
    const writer = await this.#storage.beginSnapshot(meta);
    if (!(await this.#writeImage(writer, meta, image))) return await writer.abort();
    const bytes = writer.offset;
    await writer.commit();
    this.#lastBytes = bytes;
    this.#logger.info(
      { index: meta.index, epoch: meta.epoch, bytes },
      `wrote snapshot at index ${meta.index}, ${bytes} bytes`,
    );
    this.#taken(meta);
  }

  /** False: the snapshot is not to be. */
  async #writeImage(writer: SnapshotWriter, meta: SnapshotMeta, image: KeyspaceImage): Promise<boolean> {
    try {
      for (const chunk of image.chunks(SNAPSHOT_CHUNK_BYTES)) {
        if (this.#stopped) return false;
        await writer.write(chunk);
      }
      return true;
    } catch (error) {
      if (!(error instanceof QuorateError && error.code === "IMAGE_OVERTAKEN")) throw error;
      // Writes outran the disk by more than the keyspace keeps for us: a newer image, soon.
      this.#logger.warn({ index: meta.index }, `gave up the snapshot at index ${meta.index}: ${error.message}`);
      this.#overtaken = true;
      return false;
    } finally {
      image.release();
    }
  }

  /** Gives up the one being taken and waits for it to be cleaned up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#taking;
  }
}
