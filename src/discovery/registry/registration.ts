/**
 * An instance that is to be found: a key on its session's lease, and everything that keeps it there and true.
 *
 *     register ──▶ there ──(session lost)──▶ absent ──(new session)──▶ there …
 *                    │ ▲
 *                    │ └─ state, weight, tags, …: written when they change
 *                    └──(release, or the session ends for good)──▶ over: signal aborted, key deleted
 *
 * Promises: one instance of an id at most; a process that dies is gone after its session's time to live; a session that is
 * lost is replaced and the instance registered anew, if its session is a shared one; what is written is at last what it is.
 *
 * Does not promise: that who has just learnt of it finds it alive.
 */
import type { QuorateError } from "../../errors.ts";
import { Backoff } from "../../kv/backoff.ts";
import { comparison, getOp, isAbsent, isCreatedAt, rangeAt } from "../../kv/requests.ts";
import { hasCode, isRetryable, Wait } from "../../kv/wait.ts";
import type { CallOptions } from "../../store/store.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { Bell } from "./bell.ts";
import { released, taken } from "./errors.ts";
import { Health, type HealthCheck } from "./health.ts";
import {
  checkDescription,
  encodeRecord,
  type InstanceChange,
  type InstanceDescription,
  type InstanceRecord,
  type InstanceState,
} from "./instance.ts";
import { serviceKey } from "./keys.ts";
import type { RegistrySession, RegistrySessions } from "./session.ts";

/** An instance to be registered, and how it is known whether it can take calls. */
export interface RegisterOptions extends InstanceDescription {
  /** All have to pass. Default: none, so that it is up as long as its session lives. */
  readonly checks?: readonly HealthCheck[];
}

interface Place {
  readonly session: RegistrySession;
  readonly fence: number;
  /** Number of the state that is written there. */
  written: number;
}

/** How long the end of an `await using` block waits for a store that does not answer. */
const DISPOSE_TIMEOUT_MS = 5_000;

/** A registered instance. It has to be kept: `release()` takes it back, and so does the end of the program. */
export class Registration implements AsyncDisposable {
  readonly service: string;
  readonly id: string;
  readonly #what: string;
  readonly #key: ByteString;
  readonly #sessions: RegistrySessions;
  readonly #health: Health;
  readonly #over = new AbortController();
  readonly #bell = new Bell();
  #description: InstanceDescription;
  /** What its own program wants of it beside health. */
  #mode: { readonly state: InstanceState; readonly reason: string } = { state: "up", reason: "" };
  /** Number of what it is now; grows with each change. */
  #number = 1;
  #place: Place | null = null;
  #lastError: Error | null = null;
  #staying: Promise<void> = Promise.resolve();

  /** @internal Resolves when it is there. @throws QuorateError `TAKEN`, `INVALID_ARGUMENT`, and what the store refuses it with */
  static async open(sessions: RegistrySessions, options: RegisterOptions, call?: CallOptions): Promise<Registration> {
    const registration = new Registration(sessions, options);
    try {
      await registration.#enterFirst(call);
    } catch (error) {
      registration.#health[Symbol.dispose]();
      throw error;
    }
    return registration;
  }

  private constructor(sessions: RegistrySessions, { checks = [], ...description }: RegisterOptions) {
    const { clock, random } = sessions.store;
    const { service, id = random.uint64().toString(36) } = description;
    this.service = service;
    this.id = id;
    this.#key = serviceKey({ service, kind: "instance", id });
    checkDescription(id, description);
    this.#what = `instance ${JSON.stringify(id)} of service ${JSON.stringify(service)}`;
    this.#sessions = sessions;
    this.#description = description;
    this.#health = new Health(clock, checks, () => this.#change());
  }

  /** Aborted when it is over for good, with a `QuorateError` that says why. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether its key is there, as far as this side knows. */
  get registered(): boolean {
    return this.#place?.session.check() === true && !this.#over.signal.aborted;
  }

  /** What it says of itself now; the order of somebody else may lie over it. */
  get state(): InstanceState {
    return this.#record().state;
  }

  /** Why the last attempt to write or to register anew failed; null: it did not. */
  get lastError(): Error | null {
    return this.#lastError;
  }

  /** Changes what it says of itself. Resolves when others can see it. @throws QuorateError if it is over before */
  update(change: InstanceChange, options?: CallOptions): Promise<void> {
    const description = { ...this.#description, ...change };
    checkDescription(this.id, description);
    this.#description = description;
    return this.#changed(options);
  }

  /**
   * Takes no new calls. Resolves when others can see it; those who call it learn of it a moment later, so that a program
   * goes on answering until they have: it drains, waits as long as its callers need, and ends then.
   */
  drain(reason = "", options?: CallOptions): Promise<void> {
    this.#mode = { state: "draining", reason };
    return this.#changed(options);
  }

  /** Is taken out by its own program, for a reason. Resolves when others can see it. */
  maintenance(reason: string, options?: CallOptions): Promise<void> {
    this.#mode = { state: "maintenance", reason };
    return this.#changed(options);
  }

  /** Ends `drain` and `maintenance`: its checks decide again. */
  resume(options?: CallOptions): Promise<void> {
    this.#mode = { state: "up", reason: "" };
    return this.#changed(options);
  }

  /** Takes it back. Resolves when it is gone; that goes on also when this is rejected. */
  async release(options?: CallOptions): Promise<void> {
    this.#finish(released(this.#what));
    using wait = new Wait(this.#sessions.store.clock, options);
    await wait.for(this.#staying);
  }

  /** `release` within a time that is bounded, without an error when it is not done by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
    } catch (error) {
      if (!hasCode(error, "TIMEOUT")) throw error;
    }
  }

  #record(): InstanceRecord {
    const { address, port, weight = 1, zone, tags = [], metadata = {} } = this.#description;
    const { ok, reason } = this.#health.verdict;
    const state = this.#mode.state === "up" && !ok ? { state: "down" as const, reason } : this.#mode;
    return { address, port, weight, tags, metadata, ...state, ...(zone === undefined ? {} : { zone }) };
  }

  #change(): number {
    this.#number++;
    this.#bell.ring();
    return this.#number;
  }

  async #changed(options?: CallOptions): Promise<void> {
    const number = this.#change();
    using wait = new Wait(this.#sessions.store.clock, options);
    while (!(this.registered && (this.#place?.written ?? 0) >= number)) {
      if (this.#over.signal.aborted) throw this.#over.signal.reason;
      await wait.for(this.#bell.next);
    }
  }

  #finish(reason: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#health[Symbol.dispose]();
    this.#over.abort(reason);
    this.#bell.ring();
  }

  async #enterFirst(options?: CallOptions): Promise<void> {
    const { clock, random } = this.#sessions.store;
    using wait = new Wait(clock, options);
    const backoff = new Backoff(random);
    for (;;) {
      const session = await this.#sessions.current(wait.call());
      try {
        this.#staying = this.#stay(await this.#enter(session, wait));
        return;
      } catch (error) {
        wait.check();
        if (!this.#sessions.replaces || session.check()) throw error;
      }
      await wait.sleep(backoff.next());
    }
  }

  /** Puts its key, where nobody else has it. */
  async #enter(session: RegistrySession, whole: Wait): Promise<Place> {
    const { clock } = this.#sessions.store;
    using wait = new Wait(clock, { signal: whole.signal }, session);
    const before = this.#place?.session.id;
    let found: KeyValue | undefined;
    for (;;) {
      const number = this.#number;
      // Its own key, of a session that this side has given up and the store not yet, is taken over.
      const own = found !== undefined && found.lease === before;
      const free = own ? isCreatedAt(this.#key, found?.createRevision ?? 0) : isAbsent(this.#key);
      const lease = own ? [comparison(this.#key, { lease: before ?? 0n })] : [];
      const mark = { key: this.#key, value: byteStringOfText(encodeRecord(this.#record(), number)) };
      const request = { compare: [free, ...lease], success: [], failure: [getOp(this.#key)] };
      const settled = await session.writes.take(request, mark, wait);
      if (settled.applied) {
        return { session, fence: own ? (found?.createRevision ?? 0) : settled.revision, written: number };
      }
      const there = rangeAt(settled.responses, 0).kvs[0];
      if (there !== undefined && there.lease !== before) throw taken(this.#what, there.lease);
      found = there;
    }
  }

  /** Keeps it there and true until it is over. */
  async #stay(first: Place): Promise<void> {
    for (let place: Place | null = first; place !== null; place = await this.#again()) {
      this.#place = place;
      this.#bell.ring();
      await this.#write(place);
      if (this.#over.signal.aborted) {
        await place.session.writes.discard(this.#key, place.fence);
        return;
      }
    }
  }

  /** Writes each change until the session has ended, the key is gone, or it is over. */
  async #write(place: Place): Promise<void> {
    const { session, fence } = place;
    let reason: QuorateError | null = null;
    const forget = session.onEnd((why) => {
      reason = why;
      this.#bell.ring();
    });
    try {
      while (reason === null && !this.#over.signal.aborted) {
        const number = this.#number;
        if (number === place.written) {
          await this.#bell.next;
          continue;
        }
        const mark = { key: this.#key, value: byteStringOfText(encodeRecord(this.#record(), number)) };
        const request = { compare: [isCreatedAt(this.#key, fence)], success: [], failure: [] };
        const settled = await session.writes.transact(request, mark);
        // Somebody deleted the key of an instance that is there: it comes back.
        if (!settled.applied) return;
        place.written = number;
        this.#lastError = null;
        this.#bell.ring();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      forget();
    }
    if (reason !== null && !this.#sessions.replaces) this.#finish(reason);
  }

  /** Registers anew, however long that takes. Null: it is over. */
  async #again(): Promise<Place | null> {
    const { clock, random } = this.#sessions.store;
    using wait = new Wait(clock, { signal: this.#over.signal });
    const backoff = new Backoff(random);
    while (!this.#over.signal.aborted) {
      try {
        const place = await this.#enter(await this.#sessions.current(wait.call()), wait);
        this.#lastError = null;
        return place;
      } catch (error) {
        this.#failed(error);
      }
      await wait.sleep(backoff.next()).catch(() => undefined);
    }
    return null;
  }

  /** What does not pass by itself ends it. */
  #failed(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#lastError = error instanceof Error ? error : new Error(String(error));
    const passes = isRetryable(error) || hasCode(error, "OUTCOME_UNKNOWN");
    if (!passes || !this.#sessions.replaces) this.#finish(error);
  }
}
