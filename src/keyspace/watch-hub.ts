/**
 * Tells watchers what changed, each from its own revision on, in order, without gap or repetition.
 *
 *      compacted │        history         │ published
 *     ───────────┼────────────────────────┼──────────▶ revision
 *                │   ● lagging ●          │● synced        ● future
 *                │   └─ catchUp ──────────▶└─ publish ─────▶
 *
 * Watchers at the same revision form a cohort. `publish` moves the synced cohort over the newest changes; `catchUp`
 * moves lagging ones through the history in slices, in turn, and takes along every cohort it comes by. A watcher whose
 * sink says "no more" leaves its cohort and keeps nothing but its next revision, so a slow client costs no memory; the
 * history is its queue. When that is compacted away, it is told so, and is over.
 *
 * The room must not know: who the sinks are, what a stream is, what time it is.
 */
import { assert, GrpcStatus, QuorateError } from "../errors.ts";
import type { WatchEvent } from "../wire/kv.ts";
import type { HistorySource, KeyRecord } from "./record.ts";
import type { Watcher, WatchRequest, WatchSink } from "./watch.ts";
import { Cohort, type WatcherOwner, WatcherState } from "./watch-cohort.ts";
import { isEmptyRange, WatchIndex } from "./watch-index.ts";

/** Counted since the start. */
export interface WatchCounters {
  /** Changes read from the history, once for each pass over them. */
  changes: number;
  /** Places looked at to find the watchers of those changes. */
  lookups: number;
  /** Events handed to sinks. */
  events: number;
}

/** The work (changes visited and events found) in one pass, so that what it gathers is bounded. */
const PUBLISH_PASS = 100_000;
const CATCH_UP_PASS = 1_000;

export class WatchHub {
  #source: HistorySource;
  readonly #wake: () => void;
  readonly #index = new WatchIndex<WatcherState>();
  /** Everything up to here was published. */
  #published: number;
  #synced: Cohort;
  /** By next revision; served in the order of the map. */
  readonly #lagging = new Map<number, Cohort>();
  readonly #future = new Map<number, Cohort>();
  readonly #paused = new Set<WatcherState>();
  #size = 0;
  #passing = false;
  #catchingUp = false;
  readonly #owner: WatcherOwner;
  readonly counters: WatchCounters = { changes: 0, lookups: 0, events: 0 };

  /** `wake` is called when there is something to catch up with, for whoever calls `catchUp`. */
  constructor(source: HistorySource, wake: () => void = () => undefined) {
    this.#source = source;
    this.#wake = wake;
    this.#published = source.revision;
    this.#synced = new Cohort(source.revision + 1);
    const revision = (): number => this.#source.revision;
    this.#owner = {
      get currentRevision() {
        return revision();
      },
      resume: (watcher) => this.#resume(watcher),
      cancel: (watcher) => this.#end(watcher),
    };
  }

  /** Watchers that are neither cancelled nor told that they are compacted. */
  get size(): number {
    return this.#size;
  }

  /** Something lags: `catchUp` has work. */
  get hasWork(): boolean {
    return this.#lagging.size > 0;
  }

  /**
   * Starts a watcher. It is told of nothing before this returns; a start below the compacted revision is answered by
   * the next `catchUp`.
   * @throws QuorateError if no key can be in the range.
   */
  watch(request: WatchRequest, sink: WatchSink): Watcher {
    if (isEmptyRange(request)) {
      throw new QuorateError("WATCH_RANGE_EMPTY", GrpcStatus.invalidArgument, "mvcc: watcher range is empty");
    }
    const next = request.startRevision > 0 ? request.startRevision : this.#source.revision + 1;
    const watcher = new WatcherState(this.#owner, request, sink, next);
    this.#index.add(request, watcher);
    this.#size += 1;
    this.#place(watcher);
    return watcher;
  }

  /**
   * Tells watchers of all changes since the last call. Called once per applied batch, and before a compaction is applied
   * to the source: a synced watcher can then never be overtaken by it.
   */
  publish(): void {
    while (this.#published < this.#source.revision) {
      if (this.#synced.nextRevision < this.#source.compactRevision) {
        this.#endCohort(this.#synced);
        this.#moveTo(this.#source.revision);
        return;
      }
      this.#pass(this.#synced, this.#source.revision, PUBLISH_PASS);
    }
  }

  /**
   * Replays history to watchers that lag, at most about `maxChanges` changes visited and events told (but whole
   * revisions), in turn between them.
   * @returns true if there is more to do.
   */
  catchUp(maxChanges: number): boolean {
    let work = 0;
    this.#catchingUp = true;
    while (work < maxChanges) {
      const first = this.#lagging.entries().next();
      if (first.done === true) break;
      const [next, cohort] = first.value;
      this.#lagging.delete(next);
      if (next < this.#source.compactRevision) {
        work += cohort.members.size;
        this.#endCohort(cohort);
      } else {
        work += 1 + this.#pass(cohort, this.#published, Math.min(CATCH_UP_PASS, maxChanges - work));
      }
    }
    this.#catchingUp = false;
    return this.#lagging.size > 0;
  }

  /** Called after a compaction: ends whoever needs what is gone. */
  compacted(): void {
    const compactRevision = this.#source.compactRevision;
    for (const [next, cohort] of this.#lagging) {
      if (next >= compactRevision) continue;
      this.#lagging.delete(next);
      this.#endCohort(cohort);
    }
    for (const watcher of this.#paused) {
      if (watcher.ownNext >= compactRevision) continue;
      this.#end(watcher);
      watcher.sink.compacted(watcher, compactRevision);
    }
  }

  /** After a snapshot was installed: everyone goes on from its own next revision in the new source, or is over. */
  replaceSource(source: HistorySource): void {
    assert(!this.#passing, "the source of a watch hub was replaced while it was being read");
    this.#source = source;
    this.#moveTo(source.revision);
    this.compacted();
  }

  /** The present is at `revision` now, and nobody has been told of what lies between. */
  #moveTo(revision: number): void {
    const cohorts = [this.#synced, ...this.#lagging.values(), ...this.#future.values()];
    this.#lagging.clear();
    this.#future.clear();
    this.#published = revision;
    this.#synced = new Cohort(revision + 1);
    for (const cohort of cohorts) this.#settle(cohort);
  }

  /** Puts a watcher without cohort where its next revision belongs. */
  #place(watcher: WatcherState): void {
    const next = watcher.ownNext;
    const there = next === this.#published + 1 ? this.#synced : this.#shelf(next).get(next);
    if (there !== undefined) {
      there.add(watcher);
      return;
    }
    const cohort = new Cohort(next);
    cohort.add(watcher);
    this.#settle(cohort);
  }

  /** Puts a cohort where its next revision belongs, joining it with one that is there. */
  #settle(cohort: Cohort): void {
    const next = cohort.nextRevision;
    if (next === this.#published + 1) {
      this.#synced = Cohort.merge(this.#synced, cohort);
      return;
    }
    if (cohort.members.size === 0) return;
    const shelf = this.#shelf(next);
    const there = shelf.get(next);
    shelf.set(next, there === undefined ? cohort : Cohort.merge(there, cohort));
    if (shelf === this.#lagging && shelf.size === 1 && !this.#catchingUp) this.#wake();
  }

  #shelf(next: number): Map<number, Cohort> {
    return next <= this.#published ? this.#lagging : this.#future;
  }

  /**
   * Moves a cohort over the changes up to revision `upTo`, or as far as `maxWork` goes (at least one revision), takes
   * along the cohorts it comes by, and tells its members. Returns the work done.
   */
  #pass(start: Cohort, upTo: number, maxWork: number): number {
    assert(!this.#passing, "a watch sink called publish or catchUp");
    this.#passing = true;
    const publishing = start === this.#synced;
    const waiting = publishing ? this.#future : this.#lagging;
    const touched: WatcherState[] = [];
    const first = start.nextRevision;
    let riding = start;
    let revision = first - 1;
    let end = upTo;
    let work = 0;

    const goTo = (next: number): void => {
      while (revision < next) {
        revision += 1;
        const boarding = waiting.get(revision);
        if (boarding === undefined) continue;
        waiting.delete(revision);
        riding = Cohort.merge(riding, boarding);
      }
    };
    let event: ChangeEvents;
    const tell = (watcher: WatcherState): void => {
      if (watcher.cohort !== riding) return;
      const { request } = watcher;
      if (event.record.deleted ? request.noDelete : request.noPut) return;
      if (watcher.pending === null) {
        watcher.pending = [];
        touched.push(watcher);
      }
      watcher.pending.push(request.prevKv ? event.withPrevious : event.plain);
      work += 1;
    };
    this.#source.forEachChange(first, (record) => {
      if (record.modRevision > upTo) return false;
      if (record.modRevision !== revision) {
        if (work >= maxWork) {
          end = record.modRevision - 1;
          return false;
        }
        goTo(record.modRevision);
      }
      work += 1;
      this.counters.changes += 1;
      event = new ChangeEvents(this.#source, record);
      this.counters.lookups += this.#index.match(record.key, tell);
      return true;
    });
    goTo(end);

    riding.nextRevision = end + 1;
    if (publishing) {
      this.#published = end;
      this.#synced = riding;
      goTo(end + 1);
      this.#synced = riding;
    } else {
      this.#settle(riding);
    }
    this.#deliver(touched, end);
    this.#passing = false;
    return work;
  }

  #deliver(touched: readonly WatcherState[], revision: number): void {
    for (const watcher of touched) {
      const events = watcher.pending ?? [];
      watcher.pending = null;
      // Another sink may have cancelled it meanwhile.
      if (watcher.cohort === null) continue;
      this.counters.events += events.length;
      if (watcher.sink.events(watcher, events, revision) || watcher.cohort === null) continue;
      watcher.leave();
      this.#paused.add(watcher);
    }
  }

  #resume(watcher: WatcherState): void {
    if (!this.#paused.delete(watcher)) return;
    this.#place(watcher);
  }

  #end(watcher: WatcherState): void {
    if (!this.#index.remove(watcher.request, watcher)) return;
    watcher.leave();
    this.#paused.delete(watcher);
    this.#size -= 1;
  }

  #endCohort(cohort: Cohort): void {
    for (const watcher of cohort.members) {
      this.#end(watcher);
      watcher.sink.compacted(watcher, this.#source.compactRevision);
    }
  }
}

/** The event of a change, made once for all of its watchers, and only in the shape that one of them wants. */
class ChangeEvents {
  readonly record: KeyRecord;
  readonly #source: HistorySource;
  #plain: WatchEvent | null = null;
  #withPrevious: WatchEvent | null = null;

  constructor(source: HistorySource, record: KeyRecord) {
    this.#source = source;
    this.record = record;
  }

  get plain(): WatchEvent {
    this.#plain ??= { type: this.record.deleted ? "delete" : "put", kv: this.record, prevKv: null };
    return this.#plain;
  }

  get withPrevious(): WatchEvent {
    if (this.#withPrevious === null) {
      // The version before a change at the compacted revision is gone, also where it happens to be in memory still:
      // what a client sees must not depend on how far a member has swept.
      const compacted = this.record.modRevision <= this.#source.compactRevision;
      const prevKv = compacted ? null : this.#source.previous(this.record);
      this.#withPrevious = prevKv === null ? this.plain : { ...this.plain, prevKv };
    }
    return this.#withPrevious;
  }
}
