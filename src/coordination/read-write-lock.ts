/**
 * A lock that many readers or one writer hold: fair, so that readers who come later do not keep a writer waiting.
 *
 *     rw/<name>//read/<lease>.<n>     a reader, holding or waiting      waits for the nearest writer before it
 *     rw/<name>//write/<lease>.<n>    a writer, holding or waiting      waits for whoever is before it
 *
 *     create revision ──▶   r1  r2 │ w3 │ r4  r5 │ w6        r1, r2 hold; then w3; then r4 and r5; then w6
 *
 * Promises: never two writers, never a writer beside a reader, by their own clocks; all come in in the order in which
 * they came, readers together. What `mutex.ts` says of leases, lost answers and fences holds here too; the fence of a
 * reader is only good for guarding: it does not tell readers from each other.
 *
 * Does not promise: that a reader may become a writer (two who want that would wait for each other for ever).
 *
 * Sources: etcd's recipe `RWMutex`, and etcd 16221: there a waiter whose predecessor lost its lease took that for its
 * turn. Here nobody is let in without a look at all who came before.
 */
import { prefixRange, rangeRequest } from "../kv/requests.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { type ByteString, SortOrder, SortTarget } from "../wire/kv.ts";
import { Entrance } from "./entrance.ts";
import { Hold, whileHeld } from "./hold.ts";
import { type Contender, contender, Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name, and what others see. */
export interface ReadWriteLockOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /** What others see of who holds or waits; default none. */
  readonly label?: string;
}

/** Somebody who holds a side or waits for it. */
export interface SideContender extends Contender {
  readonly side: "read" | "write";
  readonly holds: boolean;
}

/** A side of a read-write lock that is held. */
export class SideLock extends Hold {}

/** To read, or to write. */
export class Side {
  readonly #entrance: Entrance;
  readonly #what: string;

  constructor(entrance: Entrance, what: string) {
    this.#entrance = entrance;
    this.#what = what;
  }

  /** Waits for its turn. @throws QuorateError when it is given up or the place is lost */
  async acquire(options?: CallOptions): Promise<SideLock> {
    return new SideLock(this.#what, await this.#entrance.enter(options));
  }

  /** The lock if nobody stands in the way now; else null. */
  async tryAcquire(options?: CallOptions): Promise<SideLock | null> {
    const place = await this.#entrance.tryEnter(options);
    return place === null ? null : new SideLock(this.#what, place);
  }

  /** Runs `use` while it is held. @throws QuorateError also when it was lost before `use` was done */
  async run<T>(use: (lock: SideLock) => Promise<T>, options?: CallOptions): Promise<T> {
    return await whileHeld(await this.acquire(options), use);
  }
}

/** Many readers or one writer: fair, so that readers who come later do not keep a writer waiting. */
export class ReadWriteLock {
  readonly name: string;
  readonly read: Side;
  readonly write: Side;
  readonly #line: Line;
  readonly #writers: ByteString;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string, { session, label = "" }: ReadWriteLockOptions = {}) {
    const all = recipePrefix("rw", name);
    const what = described("read-write lock", name);
    const from = session ?? source;
    const line = new Line(source.store, all, what);
    const writers = `${all}write/`;
    const readers = `${all}read/`;
    this.name = name;
    this.#line = line;
    this.#writers = writers;
    this.read = new Side(new Entrance(from, { line, prefix: readers, blocking: writers, label }), `${what} to read`);
    this.write = new Side(new Entrance(from, { line, prefix: writers, blocking: all, label }), `${what} to write`);
  }

  /** All who hold it or wait for it, in their order. */
  async standing(options?: ReadOptions): Promise<readonly SideContender[]> {
    const { store, prefix } = this.#line;
    const { key, rangeEnd } = prefixRange(prefix);
    const order = { sortOrder: SortOrder.ascend, sortTarget: SortTarget.create };
    const { kvs } = await store.range(rangeRequest(key, { rangeEnd, ...order }), options);
    let hasWriter = false;
    return kvs.map((kv, index): SideContender => {
      const side = kv.key.startsWith(this.#writers) ? "write" : "read";
      hasWriter ||= side === "write";
      return { ...contender(kv), side, holds: side === "write" ? index === 0 : !hasWriter };
    });
  }
}
