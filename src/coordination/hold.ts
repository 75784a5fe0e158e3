/**
 * Something that is held: a lock, a place among a semaphore's, an office. It lives as long as its key at the store, which
 * hangs on the session's lease.
 *
 *     held ──(session lost or closed)──▶ over: signal aborted            the key ends with the lease
 *       └────(release)────▶ over: signal aborted ──▶ key deleted
 *
 * `signal` is aborted before anybody else can hold it: a release deletes the key afterwards, and a session ends on this
 * side before it does at the store. `fence` grows from holder to holder: a resource that refuses what comes with a
 * smaller one than it has seen is safe also from a process that was paused in the middle of a write.
 *
 * Not promised: that it is noticed at once when somebody deletes the key by hand. Guarded writes are refused then.
 */
import { assert, type QuorateError } from "../errors.ts";
import { hasCode, Wait } from "../kv/wait.ts";
import { tell } from "../store/diagnostics.ts";
import type { CallOptions } from "../store/store.ts";
import { textOf } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { released } from "./errors.ts";
import type { Session } from "./session.ts";

/** A key of the session's own, and the revision at which it was created. */
export interface Place {
  readonly session: Session;
  readonly key: ByteString;
  readonly revision: number;
}

/**
 * Something that is held until it is released or its session ends. `signal` is aborted before anybody else can hold
 * it; `fence` refuses those who do not know yet that they hold it no longer.
 */
export class Hold implements AsyncDisposable {
  /** What is held, for people: `lock "invoice/42"`. */
  readonly what: string;
  /** The key, which exists with the create revision `fence` for as long as it is held. */
  readonly key: ByteString;
  /** Greater than that of all who held it before. */
  readonly fence: bigint;
  readonly session: Session;
  readonly #controller = new AbortController();
  readonly #forget: () => void;
  readonly #drop: () => Promise<void>;
  #deletion: Promise<void> | null = null;

  /**
   * @param drop lets others have it; resolves when they can. Default: deletes the key
   * @throws QuorateError if the session has ended meanwhile
   */
  constructor(
    what: string,
    { session, key, revision }: Place,
    drop: () => Promise<void> = () => session.writes.discard(key, revision),
  ) {
    session.assertHeld();
    assert(revision > 0, `${what} is held with the fence ${revision}`);
    this.what = what;
    this.key = key;
    this.fence = BigInt(revision);
    this.session = session;
    this.#drop = drop;
    this.#tell("quorate:hold:acquired", null);
    this.#forget = session.onEnd((reason) => {
      this.#controller.abort(reason);
      this.#tell(hasCode(reason, "SESSION_CLOSED") ? "quorate:hold:released" : "quorate:hold:lost", reason);
    });
  }

  /** Whether it is held now: compares the clock. */
  get held(): boolean {
    return this.session.check() && !this.#controller.signal.aborted;
  }

  /** Aborted when it is held no longer, with a `QuorateError` that says why. */
  get signal(): AbortSignal {
    this.session.check();
    return this.#controller.signal;
  }

  /** @throws QuorateError `RELEASED`, `SESSION_LOST`, … */
  assertHeld(): void {
    if (!this.held) throw this.#controller.signal.reason;
  }

  /**
   * Gives it up. Resolves when others can have it. The key's deletion goes on until it is done, or the session has
   * ended, also when this is rejected.
   * @throws QuorateError `TIMEOUT` or `ABORTED` if it is not done by then
   */
  async release(options?: CallOptions): Promise<void> {
    const deletion = this.giveUp(released(this.what));
    using wait = new Wait(this.session.store.clock, options);
    await wait.for(deletion);
  }

  /** `release` within a time that is bounded, without an error when it is not done by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
    } catch (error) {
      if (!hasCode(error, "TIMEOUT")) throw error;
    }
  }

  /** For recipes: ends it on this side for a reason, and then lets others have it. */
  protected giveUp(reason: QuorateError): Promise<void> {
    this.#deletion ??= (async () => {
      this.#forget();
      const wasHeld = !this.#controller.signal.aborted;
      this.#controller.abort(reason);
      if (wasHeld) this.#tell("quorate:hold:released", reason);
      await this.#drop();
    })();
    return this.#deletion;
  }

  #tell(
    name: "quorate:hold:acquired" | "quorate:hold:lost" | "quorate:hold:released",
    error: QuorateError | null,
  ): void {
    const { what, key, fence } = this;
    const { store, id: lease } = this.session;
    tell(store, name, () => ({ store, what, key: textOf(key), fence, lease, error }));
  }
}

/** How long the end of an `await using` block waits for a store that does not answer. */
const DISPOSE_TIMEOUT_MS = 5_000;

/** Runs `use` while something is held. @throws QuorateError also if it was lost before `use` was done */
export async function whileHeld<H extends Hold, T>(hold: H, use: (hold: H) => Promise<T>): Promise<T> {
  try {
    const result = await use(hold);
    hold.assertHeld();
    return result;
  } finally {
    await hold[Symbol.asyncDispose]();
  }
}
