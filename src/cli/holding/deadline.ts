import type { Session } from "../../coordination/session.ts";
import type { Scheduled } from "../../environment.ts";

/** Looks at a session this often in one time to live: it is renewed three times in that. */
const LOOKS_PER_TTL = 10;

export interface DeadlineEvents {
  /** What hangs on the session is held for this long from now on, ms, whatever happens. Told at once, and when it has changed. */
  moved(leftMs: number): void;
  /** No renewal has come, and what is left is the time that an orderly end takes. Once. */
  near(): void;
}

/** The moment up to which a session lives for certain: a renewal moves it, and an orderly end has to begin before. */
export class Deadline implements Disposable {
  readonly #session: Session;
  readonly #graceMs: number;
  readonly #events: DeadlineEvents;
  #until = Number.NEGATIVE_INFINITY;
  #timer: Scheduled | null = null;

  /** @param graceMs how long before the moment to tell that it is near */
  constructor(session: Session, graceMs: number, events: DeadlineEvents) {
    this.#session = session;
    this.#graceMs = graceMs;
    this.#events = events;
    this.#look();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { heldUntil, ttlMs, store } = this.#session;
    const leftMs = heldUntil - store.clock.now();
    if (heldUntil !== this.#until) {
      this.#until = heldUntil;
      this.#events.moved(leftMs);
    }
    const nearInMs = leftMs - this.#graceMs;
    if (nearInMs <= 0) return this.#events.near();
    this.#timer = store.clock.after(Math.min(nearInMs, ttlMs / LOOKS_PER_TTL), () => this.#look());
  }
}
