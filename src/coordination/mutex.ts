/**
 * A lock that one at a time holds: fair, first come, first served.
 *
 *     lock/<name>//<lease>.<n>   one key for the holder and each who waits; value: its label
 *
 *     acquire ──▶ in line ──(nobody before)──▶ held: Lock ──▶ released, or lost with its session
 *                   └─(signal, time over)──▶ out of the line
 *
 * Promises: no two hold it at the same time by their own clocks, whoever dies, is paused, or loses the store; those who
 * wait get it in the order in which they came; each waits for the one before it only, so that a release wakes one. An
 * acquire whose answer was lost neither gets it twice nor leaves a place behind. A lock whose holder dies is free after
 * the session's time to live.
 *
 * Does not promise: that a paused holder's writes elsewhere come before the next holder's: check `fence` there, or write
 * with `q.guard(lock)`. Its place to one whose session is lost while it waits: with the shared session it stands in line
 * again, at the end.
 *
 * How it fails: `TIMEOUT`, `ABORTED`: given up; the line is left. `SESSION_LOST`, `EVICTED`: the place is lost.
 *
 * Sources: etcd's `concurrency.Mutex` (the layout); Burrows 2006 (sequencers); Jepsen, etcd 3.4.3 (grant without a look
 * at the lease); etcd 19597 (waits on though its session is over).
 */
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { byteStringOfText } from "../wire/byte-string.ts";
import { Entrance } from "./entrance.ts";
import { Hold, whileHeld } from "./hold.ts";
import { type Contender, Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import { Reentry } from "./reentry.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name, under which keys, and what others see. */
export interface MutexOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /**
   * Whether this object, while it holds the lock, gets it again at once; it is free when all were released. JavaScript has
   * no threads to tell callers apart: everybody who uses this object is one owner. Default false.
   */
  readonly reentrant?: boolean;
  /** What others see of who holds or waits; default none. */
  readonly label?: string;
  /** The keys' prefix instead of `lock/<name>//`: `jobs/` shares the lock that `etcdctl lock jobs` takes. */
  readonly prefix?: string;
}

/** A lock that is held. */
export class Lock extends Hold {}

/** Who holds a lock, and who waits for it, in the order in which they will get it. */
export interface Standing {
  readonly holder: Contender | null;
  readonly waiting: readonly Contender[];
}

/**
 * A lock that one at a time holds: fair, first come, first served. What a holder that was stopped does when it goes
 * on, no lock can prevent: see `Hold.fence` and `Guard`.
 */
export class Mutex {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #entrance: Entrance;
  readonly #reentry: Reentry | null;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string, options: MutexOptions = {}) {
    const prefix = options.prefix === undefined ? recipePrefix("lock", name) : byteStringOfText(options.prefix);
    this.name = name;
    this.#source = options.session ?? source;
    const line = new Line(source.store, prefix, described("lock", name));
    this.#entrance = new Entrance(this.#source, { line, prefix, blocking: prefix, label: options.label ?? "" });
    this.#reentry = options.reentrant === true ? new Reentry() : null;
  }

  /** Waits for its turn. @throws QuorateError when it is given up or the place is lost */
  async acquire(options?: CallOptions): Promise<Lock> {
    const { what } = this.#entrance.line;
    if (this.#reentry === null) return new Lock(what, await this.#entrance.enter(options));
    using wait = new Wait(this.#source.store.clock, options);
    const { place, drop } = await this.#reentry.enter(wait, () => this.#entrance.enter({ signal: wait.signal }));
    return new Lock(what, place, drop);
  }

  /** The lock if nobody holds it or waits for it now; else null. */
  async tryAcquire(options?: CallOptions): Promise<Lock | null> {
    const { what } = this.#entrance.line;
    const again = this.#reentry?.again() ?? null;
    if (again !== null) return new Lock(what, again.place, again.drop);
    const place = await this.#entrance.tryEnter(options);
    return place === null ? null : new Lock(what, place, this.#reentry?.entered(place).drop);
  }

  /**
   * Runs `use` while it is held, and releases it.
   * @throws QuorateError also when it was lost before `use` was done: what `use` did was not alone then
   */
  async run<T>(use: (lock: Lock) => Promise<T>, options?: CallOptions): Promise<T> {
    return await whileHeld(await this.acquire(options), use);
  }

  /** Who holds it and who waits. */
  async standing(options?: ReadOptions): Promise<Standing> {
    const [holder = null, ...waiting] = await this.#entrance.line.contenders(options);
    return { holder, waiting };
  }
}
