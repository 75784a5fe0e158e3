/**
 * Watchers that have been told everything up to the same revision, and so go on together.
 *
 * A position belongs to the cohort, not to each watcher: one change moves a million watchers by changing one number.
 * When two cohorts meet, the smaller one joins the larger, so a watcher changes its cohort at most log n times on its
 * way to the present.
 */
import type { WatchEvent } from "../wire/kv.ts";
import type { Watcher, WatchRequest, WatchSink } from "./watch.ts";

export class Cohort {
  /** The first revision its members have not been told of. */
  nextRevision: number;
  readonly members: Set<WatcherState> = new Set();

  constructor(nextRevision: number) {
    this.nextRevision = nextRevision;
  }

  /** Two cohorts at the same revision become one: the one returned. */
  static merge(a: Cohort, b: Cohort): Cohort {
    const [large, small] = a.members.size >= b.members.size ? [a, b] : [b, a];
    for (const watcher of small.members) {
      watcher.cohort = large;
      large.members.add(watcher);
    }
    small.members.clear();
    return large;
  }

  add(watcher: WatcherState): void {
    watcher.cohort = this;
    this.members.add(watcher);
  }
}

/** What a watcher can ask of its hub. */
export interface WatcherOwner {
  readonly currentRevision: number;
  resume(watcher: WatcherState): void;
  cancel(watcher: WatcherState): void;
}

export class WatcherState implements Watcher {
  readonly request: WatchRequest;
  readonly sink: WatchSink;
  readonly #owner: WatcherOwner;
  /** Null: paused, or over. */
  cohort: Cohort | null = null;
  /** Where it goes on; counts while it has no cohort. */
  ownNext: number;
  /** Events found for it in the current pass. */
  pending: WatchEvent[] | null = null;

  constructor(owner: WatcherOwner, request: WatchRequest, sink: WatchSink, nextRevision: number) {
    this.#owner = owner;
    this.request = request;
    this.sink = sink;
    this.ownNext = nextRevision;
  }

  get nextRevision(): number {
    return this.cohort === null ? this.ownNext : this.cohort.nextRevision;
  }

  get synced(): boolean {
    return this.nextRevision > this.#owner.currentRevision;
  }

  resume(): void {
    this.#owner.resume(this);
  }

  cancel(): void {
    this.#owner.cancel(this);
  }

  /** Leaves its cohort, if any, and keeps its place. */
  leave(): void {
    if (this.cohort === null) return;
    this.ownNext = this.cohort.nextRevision;
    this.cohort.members.delete(this);
    this.cohort = null;
  }
}
