/**
 * The next segment, made ahead of time: a file full of zeros, so that appending to it changes no metadata and its sync
 * is one write. It is also the reserve: when the disk is full, this much can still be written.
 */
import type { Clock, Disk, DiskFile, Scheduled } from "../environment.ts";
import { isFull } from "./fault.ts";

/** Small steps, each synced, with pauses between: the log's own syncs neither wait behind much nor often. */
const stepBytes = 256 * 1024;
/** 16 MB a second at most. Without a spare the log grows its file: slower, but nobody waits. */
const pauseMs = 16;
const zeros = new Uint8Array(stepBytes);
export const retryMs = 1000;

const spareName = "spare";
const unfinishedName = "spare.new";
/** A spare outside of these sizes is none of ours. */
const leastSpareBytes = 4096;
const mostSpareBytes = 256 * 1024 * 1024;

export interface SpareEvents {
  /** There is no room for a next segment; or there is again. */
  full(isFull: boolean): void;
  failed(error: unknown): void;
}

/** A finished spare. Its file is still called `path`. */
export interface Spare {
  readonly file: DiskFile;
  readonly path: string;
  readonly bytes: number;
}

export class SpareSegment {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #events: SpareEvents;
  #ready: Spare | null = null;
  #working: Promise<void> | null = null;
  #retry: Scheduled | null = null;
  #closed = false;
  #endPause: (() => void) | null = null;

  constructor(disk: Disk, clock: Clock, directory: string, events: SpareEvents) {
    this.#disk = disk;
    this.#clock = clock;
    this.#directory = directory;
    this.#events = events;
  }

  get isReady(): boolean {
    return this.#ready !== null;
  }

  /** Bytes on disk of a finished spare. */
  get bytes(): number {
    return this.#ready?.bytes ?? 0;
  }

  /**
   * Makes a spare of this size in the background, unless there is one, of whatever size. Goes on trying while the disk
   * is full.
   */
  prepare(bytes: number): void {
    if (this.#closed || this.#ready !== null || this.#working !== null || this.#retry !== null) return;
    this.#working = this.#make(bytes)
      .then((spare) => {
        this.#ready = spare;
        this.#events.full(false);
      })
      .catch((error: unknown) => {
        if (this.#closed) return;
        if (!isFull(error)) return this.#events.failed(error);
        this.#events.full(true);
        this.#retry = this.#clock.after(retryMs, () => {
          this.#retry = null;
          this.prepare(bytes);
        });
      })
      .finally(() => {
        this.#working = null;
      });
  }

  /** Hands over the spare, if it is ready. */
  take(): Spare | null {
    const spare = this.#ready;
    this.#ready = null;
    return spare;
  }

  /** Takes back a spare that could not be used. */
  giveBack(spare: Spare): void {
    this.#ready = spare;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endPause?.();
    this.#retry?.cancel();
    this.#retry = null;
    await this.#working;
    await this.#ready?.file.close();
    this.#ready = null;
  }

  async #make(bytes: number): Promise<Spare> {
    const path = `${this.#directory}/${spareName}`;
    const found = await this.#find(path);
    if (found !== null) return found;
    const unfinished = `${this.#directory}/${unfinishedName}`;
    await this.#disk.remove(unfinished);
    const file = await this.#disk.open(unfinished, "write");
    try {
      await fillWithZeros(
        file,
        bytes,
        () => this.#closed,
        () => this.#pause(),
      );
      await this.#disk.rename(unfinished, path);
      await this.#disk.syncDirectory(this.#directory);
      return { file, path, bytes };
    } catch (error) {
      await file.close();
      if (isFull(error)) await this.#disk.remove(unfinished);
      throw error;
    }
  }

  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(pauseMs, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = null;
        timer.cancel();
        resolve();
      };
    });
  }

  /** A spare of an earlier life. Its content does not matter: old bytes never pass under a new header. */
  async #find(path: string): Promise<Spare | null> {
    const names = await this.#disk.list(this.#directory);
    if (!names.includes(spareName)) return null;
    const file = await this.#disk.open(path, "write");
    const bytes = await file.size();
    if (bytes >= leastSpareBytes && bytes <= mostSpareBytes) return { file, path, bytes };
    await file.close();
    await this.#disk.remove(path);
    return null;
  }
}

/** @throws DiskError, also with code ECANCELED when `stopped` says so. */
export async function fillWithZeros(
  file: DiskFile,
  bytes: number,
  stopped: () => boolean,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  for (let at = 0; at < bytes; at += stepBytes) {
    if (at > 0) await pause();
    if (stopped()) throw Object.assign(new Error("the store is being closed"), { code: "ECANCELED" });
    await file.writeAndSync([zeros.subarray(0, Math.min(stepBytes, bytes - at))], at);
  }
}
