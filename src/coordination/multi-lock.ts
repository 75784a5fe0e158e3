/**
 * Several locks at once: all or none.
 *
 *     lock/<name>//…    the keys of the locks themselves (`mutex.ts`): who holds one of them alone excludes who wants all
 *
 * Promises: it never waits for ever because of an order: the locks are taken one after the other in the order of their
 * names, the same for everybody, so that nobody who holds a later one waits for an earlier one. When it is given up or
 * one cannot be had, those that were taken are released. They hang on one session: all are held, or none.
 *
 * Does not promise: fairness across locks; at each lock it stands in line like all others. That no deadlock comes from
 * locks of these names which a program holds beside, taken in another order.
 *
 * Source: Havender 1968, ordering resources.
 */
import type { Wait } from "../kv/wait.ts";
import type { CallOptions } from "../store/store.ts";
import { admit } from "./admission.ts";
import { Entrance } from "./entrance.ts";
import { invalid } from "./errors.ts";
import { Hold, type Place } from "./hold.ts";
import { Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name, and what others see. */
export interface MultiLockOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /** What others see of who holds or waits; default none. */
  readonly label?: string;
}

/** Locks that are held together. */
export class MultiHold implements AsyncDisposable {
  /** By name, in the order of names. */
  readonly locks: ReadonlyMap<string, Hold>;
  readonly #signal: AbortSignal;

  constructor(locks: ReadonlyMap<string, Hold>) {
    this.locks = locks;
    this.#signal = AbortSignal.any([...locks.values()].map(({ signal }) => signal));
  }

  /** By name: each lock has its own. */
  get fences(): ReadonlyMap<string, bigint> {
    return new Map([...this.locks].map(([name, { fence }]) => [name, fence]));
  }

  /** Aborted when one of them is held no longer. They end together, unless one is released by itself. */
  get signal(): AbortSignal {
    for (const { session } of this.locks.values()) session.check();
    return this.#signal;
  }

  get held(): boolean {
    return [...this.locks.values()].every(({ held }) => held);
  }

  /** @throws QuorateError `RELEASED`, `SESSION_LOST`, … */
  assertHeld(): void {
    for (const lock of this.locks.values()) lock.assertHeld();
  }

  /** Gives all up; `Hold.release`. */
  async release(options?: CallOptions): Promise<void> {
    await Promise.all([...this.locks.values()].map((lock) => lock.release(options)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.locks.values()].map((lock) => lock[Symbol.asyncDispose]()));
  }
}

/** Several locks at once: all or none, without a deadlock among those who take them so. */
export class MultiLock {
  /** Without repetitions, in their order. */
  readonly names: readonly string[];
  readonly #source: SessionSource;
  readonly #entrances: ReadonlyMap<string, Entrance>;

  /** @throws QuorateError `INVALID_ARGUMENT` if there is no name, or one cannot be one */
  constructor(source: SessionSource, names: readonly string[], { session, label = "" }: MultiLockOptions = {}) {
    if (names.length === 0) throw invalid("a multi-lock of no locks holds nothing: give at least one name");
    this.#source = session ?? source;
    // By their keys, which are bytes: the same order in every language and locale.
    const prefixes = new Map(names.map((name) => [recipePrefix("lock", name), name]));
    const sorted = [...prefixes].sort(([a], [b]) => (a < b ? -1 : 1));
    this.names = sorted.map(([, name]) => name);
    this.#entrances = new Map(
      sorted.map(([prefix, name]) => {
        const line = new Line(source.store, prefix, described("lock", name));
        return [name, new Entrance(this.#source, { line, prefix, blocking: prefix, label })];
      }),
    );
  }

  /** Waits until it has all. @throws QuorateError when it is given up or a place is lost; it holds none then */
  async acquire(options?: CallOptions): Promise<MultiHold> {
    const places = await admit(this.#source, options, (session, wait) => this.#enter(session, wait));
    return this.#hold(places);
  }

  /** All of them if nobody holds or waits for any now; else null. */
  async tryAcquire(options?: CallOptions): Promise<MultiHold | null> {
    const places = await admit(this.#source, options, (session, wait) => this.#tryEnter(session, wait));
    return places === null ? null : this.#hold(places);
  }

  /** Runs `use` while all are held. @throws QuorateError also when they were lost before `use` was done */
  async run<T>(use: (locks: MultiHold) => Promise<T>, options?: CallOptions): Promise<T> {
    await using locks = await this.acquire(options);
    const result = await use(locks);
    locks.assertHeld();
    return result;
  }

  async #enter(session: Session, wait: Wait): Promise<ReadonlyMap<string, Place>> {
    const places = new Map<string, Place>();
    try {
      for (const [name, entrance] of this.#entrances) places.set(name, await entrance.enterIn(session, wait));
      return places;
    } catch (error) {
      this.#leave(places);
      throw error;
    }
  }

  async #tryEnter(session: Session, wait: Wait): Promise<ReadonlyMap<string, Place> | null> {
    const places = new Map<string, Place>();
    let all = false;
    try {
      for (const [name, entrance] of this.#entrances) {
        const place = await entrance.tryEnterIn(session, wait);
        if (place === null) return null;
        places.set(name, place);
      }
      all = true;
      return places;
    } finally {
      if (!all) this.#leave(places);
    }
  }

  #leave(places: ReadonlyMap<string, Place>): void {
    for (const [name, place] of places) this.#entrances.get(name)?.line.leave(place);
  }

  #hold(places: ReadonlyMap<string, Place>): MultiHold {
    const locks = new Map([...places].map(([name, place]) => [name, new Hold(described("lock", name), place)]));
    return new MultiHold(locks);
  }
}
