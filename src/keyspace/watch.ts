/** A watch as those see it who ask for it: the request, where its news go, and how to steer it. */
import type { ByteString, WatchEvent } from "../wire/kv.ts";

export interface WatchRequest {
  readonly key: ByteString;
  /** "": just `key`; "\0": all keys from `key` on; else up to but without it. */
  readonly rangeEnd: ByteString;
  /** The first revision of interest; 0: from now on. */
  readonly startRevision: number;
  /** Events carry the version of the key before, unless it is compacted. */
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

/** Where a watcher's news go. Its methods must not throw and must not call `publish` or `catchUp`. */
export interface WatchSink {
  /**
   * Whole revisions, in order; all matching changes up to and including `revision` have now been told.
   * False: taken, but send no more until `watcher.resume()`.
   */
  events(watcher: Watcher, events: readonly WatchEvent[], revision: number): boolean;
  /** The history it needs is compacted: it is over. */
  compacted(watcher: Watcher, compactRevision: number): void;
}

export interface Watcher {
  readonly request: WatchRequest;
  /** The first revision it has not been told of (or will be: the start, if that is in the future). */
  readonly nextRevision: number;
  /** It has been told everything up to the source's revision. */
  readonly synced: boolean;
  /** Goes on after its sink said no more. */
  resume(): void;
  /** Ends it; the sink is not called again. */
  cancel(): void;
}
