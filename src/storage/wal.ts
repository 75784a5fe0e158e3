/**
 * The log on disk: one stream of batches for all groups of a member.
 *
 * One batch is under way at a time; what arrives meanwhile goes into the next one, so one sync covers all of it. A write
 * that does not fit is tried again until it does, in its place in the order. A sync that fails ends it all: what the
 * disk has then is unknown, and asking again may be answered with a lie.
 */
import type { GroupId, Logger } from "../environment.ts";
import { asError, isFull, storageFailed } from "./fault.ts";
import type { HardStateFile } from "./hard-state.ts";
import { type ChainContext, type ChainStart, type LogItem, SegmentChain } from "./segment-chain.ts";
import { retryMs } from "./spare.ts";
import type { StorageEvents } from "./storage.ts";

/** A batch takes queued items until it has this many bytes. */
const batchBytes = 4 * 1024 * 1024;
/** After a batch the tail hint is written within this time. */
const hintDelayMs = 1000;

export interface WalContext extends ChainContext {
  readonly logger: Logger;
  readonly events: StorageEvents;
  readonly hardState: HardStateFile;
}

type Condition =
  | { readonly is: "open" }
  /** Writes what is queued, takes nothing more. */
  | { readonly is: "closing" }
  | { readonly is: "closed" }
  | { readonly is: "failed"; readonly error: Error };

interface Waiter {
  readonly after: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Wal {
  readonly #context: WalContext;
  readonly #segments: SegmentChain;
  #condition: Condition = { is: "open" };
  #queue: LogItem[] = [];
  /** Items taken since the start, and how many of them are durable. */
  #accepted = 0;
  #finished = 0;
  #waiters: Waiter[] = [];
  #running = false;
  /** What is still queued at the close will not be written. */
  #gaveUp = false;
  /** Settles when the batch under way, if any, is through. */
  #run: Promise<void> = Promise.resolve();
  #wakeRetry: (() => void) | null = null;
  /** A batch does not fit; there is no room for a next segment; what the owner was told of both. */
  #appendFull = false;
  #spareFull = false;
  #toldFull = false;
  /** A writing of the tail hint is due; settles when the last one is through. */
  #hinted = false;
  #hinting: Promise<void> = Promise.resolve();

  constructor(context: WalContext, start: ChainStart) {
    this.#context = context;
    this.#segments = new SegmentChain(context, start, {
      full: (isFull) => {
        this.#spareFull = isFull;
        this.#tellFull();
        if (!isFull) this.#wakeRetry?.();
      },
      failed: (error) => this.fail(asError(error)),
    });
  }

  /** Bytes of all segments on disk. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Queues an item. Once the log failed or was closed it will never be durable, and nothing says otherwise. */
  append(item: LogItem): void {
    if (this.#condition.is !== "open") return;
    this.#queue.push(item);
    this.#accepted++;
    if (this.#running) return;
    this.#running = true;
    // Behind the rest of this turn's work: groups that write in the same turn share the batch.
    this.#run = Promise.resolve().then(() => this.#storeQueue());
  }

  /** Resolves when all that was appended before is durable; rejects when it never will be. */
  barrier(): Promise<void> {
    if (this.#condition.is === "failed") return Promise.reject(this.#condition.error);
    if (this.#finished === this.#accepted) return Promise.resolve();
    if (this.#gaveUp) return Promise.reject(closedWhileFull());
    return new Promise((resolve, reject) => this.#waiters.push({ after: this.#accepted, resolve, reject }));
  }

  /** Entries of the group up to this index are not needed any more. */
  async release(group: GroupId, upTo: number): Promise<void> {
    if (this.#condition.is === "failed") throw this.#condition.error;
    try {
      await this.#segments.release(group, upTo);
    } catch (error) {
      this.fail(asError(error));
      throw error;
    }
  }

  /** Poisons the log: nothing further becomes durable. */
  fail(cause: Error): void {
    if (this.#condition.is === "failed" || this.#condition.is === "closed") return;
    const { directory, logger, events } = this.#context;
    const error = storageFailed(`the log in ${directory} failed: ${cause.message}`, cause);
    this.#condition = { is: "failed", error };
    this.#queue = [];
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#wakeRetry?.();
    logger.error({ error: cause.message, directory }, "the log on disk failed");
    events.failed(error);
  }

  /**
   * Takes nothing more, and resolves when what is queued is durable or given up: a full disk gets one more chance, then
   * whoever waits for a barrier is told. A disk that hangs is waited for.
   */
  async finish(): Promise<void> {
    if (this.#condition.is === "open") {
      this.#condition = { is: "closing" };
      this.#wakeRetry?.();
    }
    await this.barrier().catch(() => undefined);
  }

  /** Finishes and closes the files. */
  async close(): Promise<void> {
    if (this.#condition.is === "closed") return;
    await this.finish();
    // Never close a file under a write: its number might be another file's by then.
    await this.#run;
    await this.#hinting;
    if (this.#condition.is === "closing") {
      await this.#writeHint();
      this.#condition = { is: "closed" };
    }
    await this.#segments.close();
  }

  async #storeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const items = this.#takeBatch();
      try {
        if (!(await this.#store(items))) break;
        this.#completed(items);
      } catch (error) {
        this.fail(asError(error));
        break;
      }
    }
    this.#running = false;
  }

  #takeBatch(): LogItem[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#queue) {
      if (count > 0 && bytes + item.bytes > batchBytes) break;
      bytes += item.bytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Makes the items durable, waiting for room as long as it takes. False: the log was closed or failed meanwhile. */
  async #store(items: readonly LogItem[]): Promise<boolean> {
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
    if (bytes === 0) return true;
    for (;;) {
      try {
        await this.#segments.write(items, bytes);
        this.#appendFull = false;
        this.#tellFull();
        return !this.#hasFailed;
      } catch (error) {
        if (!isFull(error)) throw error;
      }
      this.#appendFull = true;
      this.#tellFull();
      if (this.#condition.is !== "open") return this.#giveUp();
      await this.#pause();
      if (this.#hasFailed) return false;
    }
  }

  get #hasFailed(): boolean {
    return this.#condition.is === "failed";
  }

  #giveUp(): boolean {
    this.#gaveUp = true;
    this.#context.logger.warn(
      { waiting: this.#accepted - this.#finished },
      "closed on a full disk: writes that nobody was told are durable are dropped",
    );
    const error = closedWhileFull();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    return false;
  }

  /** Waits for the next try: a while, or until there is a spare segment, or the log is closed. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#context.clock.after(retryMs, () => this.#wakeRetry?.());
      this.#wakeRetry = () => {
        this.#wakeRetry = null;
        timer.cancel();
        resolve();
      };
    });
  }

  #completed(items: readonly LogItem[]): void {
    this.#finished += items.length;
    while ((this.#waiters[0]?.after ?? Number.POSITIVE_INFINITY) <= this.#finished) this.#waiters.shift()?.resolve();
    const told = new Map<GroupId, number>();
    for (const { group, number } of items) if (number !== null) told.set(group, number);
    for (const [group, number] of told) this.#context.events.durable(group, number);
    this.#hintSoon();
  }

  #tellFull(): void {
    const isFull = this.#appendFull || this.#spareFull;
    if (isFull === this.#toldFull || this.#condition.is === "failed") return;
    this.#toldFull = isFull;
    const { logger, directory, events } = this.#context;
    if (isFull) logger.warn({ directory }, "no room on the disk: what does not fit waits until there is");
    else logger.info({ directory }, "the disk has room again");
    events.full(isFull);
  }

  #hintSoon(): void {
    if (this.#hinted) return;
    this.#hinted = true;
    this.#context.clock.after(hintDelayMs, () => {
      this.#hinted = false;
      if (this.#condition.is !== "open") return;
      this.#hinting = this.#hinting.then(() => this.#writeHint());
    });
  }

  async #writeHint(): Promise<void> {
    try {
      await this.#context.hardState.write(this.#segments.tail);
    } catch (error) {
      // Only a hint: an older one does no harm. But a disk that fails in any other way fails for all.
      if (!isFull(error)) this.fail(asError(error));
    }
  }
}

function closedWhileFull(): Error {
  return storageFailed("the store was closed while the disk was full");
}
